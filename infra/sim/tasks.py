"""What takes EMR Serverless' place in the daily batch where `make infra-sim` runs it: two functions in the emulator's own Python.

What is a job run there is a process of this machine here, with the same entry point, arguments and settings; only Python and Spark are
the machine's. `project.json`, which is packed beside this file, says where those are.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

Event = dict[str, Any]
# In the background, of nobody's making; its exit code is there when it has ended, and not before.
RUN = '{ "$@"; echo $? > code.part; mv code.part code; } &'
GIVEN = "spark.emr-serverless.driverEnv."


def submit(event: Event, context: Any) -> Event:
    """Start what `startJobRun` is asked for, and answer as it does."""
    project, driver = _project(), event["JobDriver"]["SparkSubmit"]
    script = Path(project["root"]) / driver["EntryPoint"].partition("/code/")[2]
    (given,) = event["ConfigurationOverrides"]["ApplicationConfiguration"]
    told = {name.removeprefix(GIVEN): value for name, value in given["Properties"].items() if name.startswith(f"{GIVEN}CTC_")}
    Path(project["runs"]).mkdir(exist_ok=True)
    run = Path(tempfile.mkdtemp(prefix="run-", dir=project["runs"]))
    with (run / "log").open("wb") as log:
        subprocess.run(
            [
                "sh",
                "-c",
                RUN,
                "sh",
                project["python"],
                script,
                *driver["EntryPointArguments"],
                "--state",
                run,
            ],  # not the developer's session
            cwd=run,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": project["root"], **told},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=True,
        )
    return {"ApplicationId": event["ApplicationId"], "JobRunId": run.name}


def poll(event: Event, context: Any) -> Event:
    """What `getJobRun` answers."""
    code = Path(_project()["runs"]) / event["JobRunId"] / "code"
    state = "RUNNING" if not code.exists() else "SUCCESS" if code.read_text().strip() == "0" else "FAILED"
    return {"JobRun": {"State": state}}


def _project() -> dict[str, str]:
    return dict(json.loads(Path(__file__).with_name("project.json").read_text()))
