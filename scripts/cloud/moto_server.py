"""moto's server on 127.0.0.1, run by .tools/infra's Python: PORT. For EMR Serverless and Lake Formation, which MiniStack has not got.

An EMR application of moto's is STARTED at once, and the provider waits for CREATED, which AWS says first: so it begins there.
"""

from __future__ import annotations

import sys

from moto.emrserverless import models
from moto.server import main

if __name__ == "__main__":
    models.APPLICATION_STATUS = "CREATED"
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
