"""moto's server on 127.0.0.1, run by .tools/infra's Python: PORT. For EMR Serverless and Lake Formation, which MiniStack has not got.

Four answers are mended, since the provider and the command line wait for AWS's. An EMR application of moto's is STARTED at once; AWS
says CREATED first. A job run of moto's has succeeded at once; AWS's runs. An application without job runs has an empty list of them.
And moto takes the revocation of a grant that is not there, where AWS refuses it: by that the provider knows that it is gone.
"""

from __future__ import annotations

import sys
from typing import Any

from moto.emrserverless import models as emr
from moto.lakeformation import models as lake
from moto.lakeformation.exceptions import InvalidInput
from moto.server import main

_list = emr.EMRServerlessBackend.list_job_runs
_remove = lake.PermissionCatalog.remove_permission


def list_job_runs(backend: emr.EMRServerlessBackend, application_id: str, *words: Any, **more: Any) -> list[emr.JobRun]:
    """Those of an application that is there."""
    backend.get_application(application_id)
    backend.job_runs.setdefault(application_id, [])
    return _list(backend, application_id, *words, **more)


def remove_once(catalog: lake.PermissionCatalog, permission: lake.Permission) -> None:
    """Take the grant back, or say as AWS does that there is none."""
    if not any(permission.equal_principal_and_resouce(each) for each in catalog.permissions):
        raise InvalidInput("No permissions revoked. Grantee has no permissions on the resource.")
    _remove(catalog, permission)


if __name__ == "__main__":
    emr.APPLICATION_STATUS = "CREATED"
    emr.JOB_STATUS = "RUNNING"
    emr.EMRServerlessBackend.list_job_runs = list_job_runs
    lake.PermissionCatalog.remove_permission = remove_once
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
