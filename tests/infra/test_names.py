"""What Terraform calls things is what the code asks for: the environments' values against the profiles, a plan against the code."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cloud.terraform import FUNCTIONS
from packing.pieces import Pieces

from ctc.aws.cloudwatch import request
from ctc.aws.deployment import Deployment, Made
from ctc.aws.hot import TTL, definitions
from ctc.aws.job_runs import spark_properties
from ctc.cli.jobs import run
from ctc.quality.alarms import ALARMS
from ctc.quality.letters import RETENTION_DAYS
from ctc.schema import RAW_TRADES, TABLES
from ctc.settings import ROOT, Settings, load_profile
from ctc.spark.session import JARS

INFRA = ROOT / "infra"
HERE = {"aws.account": "000000000000"}
Plan = dict[str, Any]
planned = [pytest.mark.emulator, pytest.mark.terraform, pytest.mark.timeout(900)]


def assigned(path: Path) -> dict[str, str]:
    """The texts, numbers and truths of a .tfvars file, those of `buckets` among them."""
    return dict(re.findall(r'^\s*(\w+)\s*=\s*"?([^"\n{]+?)"?$', path.read_text(), re.MULTILINE))


def values(settings: Settings) -> dict[str, str]:
    """What the profile calls things, by the names of infra/variables.tf."""
    return {
        "region": settings.aws.region,
        "trades_stream": settings.stream.trades,
        "dead_letter_stream": settings.stream.dead_letters,
        "shards": str(settings.stream.shards),
        "database": settings.lake.database,
        "processed": settings.lake.bucket,
        "raw": settings.lake.raw_bucket,
        "alerts_table": settings.tables.alerts,
        "metrics_table": settings.tables.metrics,
    }


def after(plan: Plan, address: str) -> dict[str, Any]:
    """A resource as it would be."""
    (found,) = [change["change"]["after"] for change in plan["resource_changes"] if change["address"] == address]
    return dict(found)


def of_type(plan: Plan, kind: str) -> list[dict[str, Any]]:
    return [change["change"]["after"] for change in plan["resource_changes"] if change["type"] == kind]


@pytest.mark.parametrize("name", ["cloud", "sim"])
def test_environment_names_what_its_profile_names(name: str) -> None:
    given, wanted = assigned(INFRA / "environments" / f"{name}.tfvars"), values(load_profile(name))
    assert given["profile"] == name
    assert {key: given[key] for key in wanted} == wanted


def test_checkpoints_lie_in_the_bucket_that_is_made_for_them() -> None:
    given = assigned(INFRA / "environments" / "cloud.tfvars")
    assert load_profile("cloud").spark.checkpoints == f"s3://{given['checkpoints']}"


def test_named_queries_ask_tables_that_are_there() -> None:
    queries = {path.name: re.findall(r"\$\{database\}\.\"?(\w+)", path.read_text()) for path in INFRA.glob("queries/*.sql")}
    assert queries
    assert all(found and set(found) <= set(TABLES) for found in queries.values()), queries


def test_named_queries_ask_columns_that_are_there() -> None:
    columns = {column.name for table in TABLES.values() for column in table.columns}
    asked = {name for path in INFRA.glob("queries/*.sql") for name in re.findall(r"\b[ab]\.(\w+)", path.read_text())}
    assert asked
    assert asked <= columns


def test_lake_readers_are_granted_tables_that_are_there() -> None:
    granted = re.search(r"lambda-api-role\s*=.*tables = \[([^\]]+)\]", (INFRA / "main.tf").read_text())
    assert granted is not None
    assert set(re.findall(r'"(\w+)"', granted[1])) <= set(TABLES)
    hidden = re.search(r'hidden_columns".*?default\s+= \["(\w+)"\]', (INFRA / "modules/lakeformation/variables.tf").read_text(), re.DOTALL)
    assert hidden is not None
    assert hidden[1] in RAW_TRADES.names


def test_handlers_that_functions_name_are_there() -> None:
    named = {name for path in INFRA.glob("modules/**/*.tf") for name in re.findall(r'= "(ctc\.[\w.]+)"', path.read_text())}
    batch = {f"ctc.daily.handlers.{name}" for name in ("load", "check", "catalog", "publish")}
    assert named == {"ctc.api.lambda_handler.handler", "ctc.aws.auto_stop.handler", *batch}
    for each in named:
        module, _, function = each.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_jars_that_jobs_are_given_are_those_that_are_packed() -> None:
    (listed,) = re.findall(r"^  jars +=\s+(\[.*\])$", (INFRA / "settings.tf").read_text(), re.MULTILINE)
    assert json.loads(listed) == sorted(jar.name for jar in JARS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_package_is_the_one_that_is_made(name: str) -> None:
    assert assigned(INFRA / "environments" / "cloud.tfvars")[f"{name}_package"] == f"../dist/{name}.zip"
    assert name in Pieces(ROOT / "dist", "here").make


def test_functions_that_the_sim_environment_names_are_there() -> None:
    named = set(re.findall(r'"tasks\.(\w+)"', (INFRA / "environments" / "sim.tfvars").read_text()))
    assert named
    assert named <= set(re.findall(r"^def ([a-z]\w+)", (INFRA / "sim" / "tasks.py").read_text(), re.MULTILINE))


def test_job_of_the_batch_is_one_that_the_entry_point_knows() -> None:
    definition = (INFRA / "modules" / "stepfunctions" / "batch.asl.json").read_text()
    (listed,) = re.findall(r"States\.Array\(([^)]+)\)", definition)
    job, *words = re.findall(r"'([^']+)'", listed)
    (command,) = [each for each in run.registered_commands if each.name == job]
    assert command.callback is not None
    assert set(words) == {"--since", "--until"} <= {f"--{name}" for name in inspect.signature(command.callback).parameters}
    (entry,) = re.findall(r'entry_point\s+= "\$\{local\.code\}/([^"]+)"', (INFRA / "main.tf").read_text())
    assert (ROOT / entry).is_file()


class TestPlan:
    """What would be made on AWS."""

    pytestmark = planned

    def test_settings_are_ones_that_the_code_takes(self, plan: Plan) -> None:
        told = plan["planned_values"]["outputs"]["settings"]["value"]
        settings = load_profile("cloud", told)
        assert settings.lake.bucket == f"{load_profile('cloud').lake.bucket}-000000000000"
        assert after(plan, 'module.s3_lakehouse.aws_s3_bucket.this["processed"]')["bucket"] == settings.lake.bucket
        assert after(plan, 'module.s3_lakehouse.aws_s3_bucket.this["raw"]')["bucket"] == settings.lake.raw_bucket
        checkpoints = after(plan, 'module.s3_lakehouse.aws_s3_bucket.this["checkpoints"]')["bucket"]
        assert settings.spark.checkpoints == f"s3://{checkpoints}"

    def test_functions_start_from_those_settings(self, plan: Plan) -> None:
        # A plan shows no environment that holds an address still to be made: so what it begins with, and that each begins with it.
        outputs = plan["planned_values"]["outputs"]
        names = {f"CTC_{key.upper().replace('.', '__')}": value for key, value in outputs["settings"]["value"].items()}
        assert outputs["environment"]["value"] == {"CTC_PROFILE": "cloud", **names}
        given = re.findall(r"^ +environment += (.*)$", (INFRA / "main.tf").read_text(), re.MULTILINE)
        assert given
        assert all(re.match(r"(merge\()?local\.(environment|packed)\b", each) for each in given)

    def test_job_runs_of_the_batch_are_given_what_those_of_the_command_line_are(self, plan: Plan) -> None:
        outputs = {name: each.get("value") for name, each in plan["planned_values"]["outputs"].items()}
        told = outputs["settings"]
        bucket = after(plan, 'module.s3_lakehouse.aws_s3_bucket.this["artifacts"]')["bucket"]
        made = Made(**{**dict.fromkeys(Made.__struct_fields__, ""), "artifacts_bucket": bucket})
        jars = [f"s3://{made.artifacts_bucket}/code/jars/{jar.name}" for jar in sorted(JARS)]
        deployment = Deployment("ctc-cloud", "cloud", load_profile("cloud", told), told, made)
        assert outputs["spark_properties"] == spark_properties(deployment, jars)

    def test_command_line_is_told_what_it_asks_for(self, plan: Plan) -> None:
        told = {each["name"] for each in of_type(plan, "aws_ssm_parameter")}
        assert {f"/ctc-cloud/made/{name}" for name in Made.__struct_fields__} == {name for name in told if "/made/" in name}

    def test_streams_are_the_profiles(self, plan: Plan) -> None:
        stream = load_profile("cloud").stream
        found = of_type(plan, "aws_kinesis_stream")
        assert {each["name"] for each in found} == {stream.trades, stream.dead_letters}
        assert {each["stream_mode_details"][0]["stream_mode"] for each in found} == {"ON_DEMAND"}

    def test_tables_are_those_that_the_code_would_make(self, plan: Plan) -> None:
        for wanted in definitions(load_profile("cloud")):
            (made,) = [each for each in of_type(plan, "aws_dynamodb_table") if each["name"] == wanted["TableName"]]
            keys = {key["KeyType"]: key["AttributeName"] for key in wanted["KeySchema"]}
            assert (made["hash_key"], made["range_key"]) == (keys["HASH"], keys.get("RANGE"))
            assert {each["name"]: each["type"] for each in made["attribute"]} == {
                each["AttributeName"]: each["AttributeType"] for each in wanted["AttributeDefinitions"]
            }
            assert {(each["name"], each["hash_key"], each["range_key"]) for each in made["global_secondary_index"]} == {
                (index["IndexName"], *(key["AttributeName"] for key in index["KeySchema"]))
                for index in wanted.get("GlobalSecondaryIndexes", [])
            }
            assert made["ttl"] == [{"attribute_name": TTL, "enabled": True}]

    def test_alarms_of_quality_are_those_that_the_code_would_make(self, plan: Plan) -> None:
        for alarm in ALARMS:
            wanted = request(alarm, "topic", load_profile("cloud"))
            (made,) = [each for each in of_type(plan, "aws_cloudwatch_metric_alarm") if each["alarm_name"] == wanted["AlarmName"]]
            assert {
                "AlarmDescription": made["alarm_description"],
                "Namespace": made["namespace"],
                "MetricName": made["metric_name"],
                "Dimensions": [{"Name": name, "Value": value} for name, value in made["dimensions"].items()],
                "Statistic": made["statistic"],
                "Period": made["period"],
                "EvaluationPeriods": made["evaluation_periods"],
                "DatapointsToAlarm": made["datapoints_to_alarm"],
                "ComparisonOperator": made["comparison_operator"],
                "Threshold": made["threshold"],
                "TreatMissingData": made["treat_missing_data"],
            }.items() <= wanted.items()

    def test_letters_expire_when_the_code_says(self, plan: Plan) -> None:
        rules = after(plan, 'module.s3_lakehouse.aws_s3_bucket_lifecycle_configuration.this["raw"]')["rule"]
        days = {rule["filter"][0]["prefix"]: rule["expiration"][0]["days"] for rule in rules if rule["expiration"]}
        assert days == {"dlq/": RETENTION_DAYS, "historical/": 90}

    def test_dashboard_shows_metrics_that_the_code_publishes(self, plan: Plan) -> None:
        from ctc.aws.cloudwatch import points
        from ctc.quality.counts import Totals

        published = {
            point["MetricName"]
            for point in points(Totals(processed=1, passed=1, failed=0, late=0, duplicates=0, arrived_us=0), load_profile("cloud"))
        }
        source = (INFRA / "modules" / "monitoring" / "alarms.tf").read_text()
        (shown,) = re.findall(r"quality_metric\s+= \{ for name in (\[[^\]]+\])", source)
        assert set(json.loads(shown)) <= published
