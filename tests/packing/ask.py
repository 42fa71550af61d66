"""FOLDER HANDLER EVENT...: a function's handler, from the folder alone, is given each event; answers as JSON, one a line.

The event "" tells instead which loaded modules come from elsewhere than the folder and Python itself.
"""

import importlib
import json
import sys
import sysconfig
from pathlib import Path

FOLDER, (MODULE, _, NAME) = str(Path(sys.argv[1]).resolve()), sys.argv[2].rpartition(".")
sys.path.insert(0, FOLDER)


def elsewhere() -> list[str]:
    """Files of loaded modules that are neither below the folder nor Python's own."""
    own = (FOLDER, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), __file__)
    files = {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    return sorted(file for file in files if not file.startswith(own) or "site-packages" in file)


handler = getattr(importlib.import_module(MODULE), NAME)
for event in sys.argv[3:]:
    print(json.dumps(handler(json.loads(event), None) if event else {"from_elsewhere": elsewhere()}))
