"""`make infra-sim`: infra/ applied to the emulators, planned again, used as it would be used, destroyed.

The second plan must change nothing but what infra/sim/gaps.json names: exactly those resources, exactly those attributes.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from package import package

from cloud import terraform
from cloud.api import ask, measure, reached
from cloud.batch import run_both
from cloud.emulators import running
from cloud.session import chosen, exchanges, run_session
from cloud.terraform import FUNCTIONS, Terraform, packages
from cloud.verify import passed
from ctc.aws.clients import client
from ctc.errors import SetupError
from ctc.settings import ROOT, Settings, load_profile

GAPS = ROOT / "infra" / "sim" / "gaps.json"
SIM = "sim"


def simulate() -> int:
    """0 when all of it held, also where Terraform is missing (said aloud); SetupError says what did not hold."""
    if lacking := terraform.missing():
        say(f"SKIPPED: {lacking}")
        return 0
    with tempfile.TemporaryDirectory(prefix="ctc-infra-") as folder:
        work = Path(folder)
        with running(work / "emulators") as (settings, environment):
            root = Terraform(work, {**environment, "TF_VAR_settings": json.dumps(chosen(settings))})
            packages(root.root)
            package(work / "dist", "here", ["wheel", *FUNCTIONS])
            for name in FUNCTIONS:
                shutil.copyfile(work / "dist" / f"{name}.zip", root.root / "sim" / f"{name}.zip")
            root.init()
            try:
                say("applying: some minutes")
                timed("applied", lambda: root.apply(SIM))
                _second_plan(root, work)
                _use(settings, root.outputs(), work)
            finally:
                timed("destroyed", lambda: root.destroy(SIM))
            _nothing_left(settings, root)
    say("all of it held")
    return 0


def _second_plan(root: Terraform, work: Path) -> None:
    plan = timed("planned again", lambda: root.plan(SIM))
    found, known = changes(plan), gaps()
    if found != known:
        more, less = only(found, known), only(known, found)
        raise SetupError(f"the second plan is not what infra/sim/gaps.json says\nnot listed: {more}\nlisted, not there: {less}")
    say(f"the second plan changes nothing but the {len(known)} resources of infra/sim/gaps.json")
    say(f"the policies over what was applied: {passed(plan, work)}")


def changes(plan: dict[str, Any]) -> dict[str, list[str]]:
    """Attributes that a plan would change, by resource; `create`, `delete` where it is the whole."""
    found = {}
    for each in plan["resource_changes"]:
        actions = each["change"]["actions"]
        if each["mode"] == "managed" and actions == ["update"]:
            found[each["address"]] = sorted(_differing(each["change"]))
        elif each["mode"] == "managed" and actions != ["no-op"]:
            found[each["address"]] = actions
    return found


def _differing(change: dict[str, Any]) -> Iterator[str]:
    before, after, unknown = change["before"], change["after"], change.get("after_unknown", {})
    return (name for name in {*before, *after, *unknown} if before.get(name) != after.get(name) or unknown.get(name))


def gaps() -> dict[str, list[str]]:
    """What the emulators are known to answer otherwise than AWS: attributes by resource."""
    listed = json.loads(GAPS.read_text())
    return {address: sorted(gap["attributes"]) for gap in listed for address in gap["resources"]}


def only(these: dict[str, list[str]], those: dict[str, list[str]]) -> dict[str, list[str]]:
    return {address: names for address, names in these.items() if those.get(address) != names}


def _use(settings: Settings, outputs: dict[str, Any], work: Path) -> None:
    """By the settings that Terraform says: a session, the packed API over what it found, the packed daily batch over what it wrote."""
    told = outputs["settings"]
    own = load_profile(SIM, told)
    _session(settings, told, work / "session")
    _api(own, outputs["api_id"])
    with exchanges(own, work / "session"):
        good, bad = timed("two executions ended", lambda: run_both(own, outputs["state_machine_arn"], outputs["alarm_topic_arn"]))
    loaded = good.output["load"]["trades"]
    say(f"the state machine, with {loaded} trades of the exchanges' history: {good.path()}")
    say(f"with a job that fails: {bad.path()}, and people were told")


def _session(settings: Settings, told: dict[str, str], state: Path) -> None:
    before = counts(settings)
    report = timed("a session came to its end", lambda: run_session(settings, told, state))
    if (after := counts(settings)) != before:
        raise SetupError(f"the session made resources beside Terraform's: {before} before, {after} after")
    say(f"the session's scorecard on Terraform's resources: {'; '.join(report['scorecard']['verdict'])}; rows: {report['tables']}")


def _api(own: Settings, api: str) -> None:
    say(f"the API through API Gateway and Lambda, its package unpacked by the emulator: {measure(own, api).told()}")
    with reached(own, api) as http:
        found = ask(http, "/alerts?limit=1")["alerts"]
    if not found:
        raise SetupError("the API knows no alert of the session")
    say(f"it knows the session's alerts, as the newest: {found[0]['alert_id']}")


def _nothing_left(settings: Settings, root: Terraform) -> None:
    left = {name: found for name, found in holdings(settings).items() if found}
    state = root.run("state list", quiet=True).stdout.split()
    if left or state:
        raise SetupError(f"after destroy there are still: {left}, and in the state: {state}")
    say(f"destroy left nothing: {', '.join(holdings(settings))}, and an empty state")


def counts(settings: Settings) -> dict[str, int]:
    """How many of each kind the emulator holds."""
    return {kind: len(found) for kind, found in holdings(settings).items()}


def holdings(settings: Settings) -> dict[str, list[Any]]:
    """What the emulator holds of the kinds that data or money would be in."""

    def of(service: str, call: str, key: str, **words: Any) -> list[Any]:
        return list(getattr(client(service, settings), call)(**words)[key])

    return {
        "streams": of("kinesis", "list_streams", "StreamNames"),
        "buckets": of("s3", "list_buckets", "Buckets"),
        "tables": of("dynamodb", "list_tables", "TableNames"),
        "databases": of("glue", "get_databases", "DatabaseList"),
        "functions": of("lambda", "list_functions", "Functions"),
        "REST APIs": of("apigateway", "get_rest_apis", "items"),
        "roles": of("iam", "list_roles", "Roles"),
        "state machines": of("stepfunctions", "list_state_machines", "stateMachines"),
        "schedules": of("scheduler", "list_schedules", "Schedules"),
        "topics": of("sns", "list_topics", "Topics"),
        "alarms": of("cloudwatch", "describe_alarms", "MetricAlarms"),
        "parameters": of("ssm", "describe_parameters", "Parameters"),
        "endpoints": of("ec2", "describe_vpc_endpoints", "VpcEndpoints"),
        "clusters": of("ecs", "list_clusters", "clusterArns"),
        "distributions": client("cloudfront", settings).list_distributions()["DistributionList"].get("Items", []),
    }


def timed(what: str, do: Any) -> Any:
    begun = time.monotonic()
    found = do()
    say(f"{what} in {time.monotonic() - begun:.0f} s")
    return found


def say(line: str) -> None:
    print(f"infra: {line}", file=sys.stderr, flush=True)
