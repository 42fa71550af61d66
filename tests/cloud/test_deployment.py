"""A deployment on emulators, driven by the command line: MiniStack for S3, SSM, ECS, Kinesis, moto for EMR Serverless.

The settings are the cloud profile's, with no emulator in them: AWS_ENDPOINT_URL leads boto3 there, as it leads Terraform.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

import boto3
import pytest
from cloud.emulators import PYTHON, moto
from command_line import Call, caller

from ctc.aws import clients
from ctc.aws.artifacts import Artifacts, manifest
from ctc.aws.deployment import Deployment, find
from ctc.aws.drained import Checkpoints
from ctc.aws.hot import create_tables
from ctc.aws.kinesis import KinesisWriter
from ctc.aws.streams import create_streams
from ctc.cloud.deploy import upload
from ctc.errors import ConfigError, SetupError, StoreError
from ctc.ports import Record
from ctc.settings import Settings

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(600)]
ROLE = "arn:aws:iam::123456789012:role/emr-execution-role"  # of moto's account: it lets no other's pass
PAGE = b'<html><meta name="ctc-api" content="" /></html>'


@pytest.fixture(scope="module")
def emr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """moto's address."""
    if not PYTHON.exists():
        pytest.skip("moto is not installed: run `make infra-setup`")
    with moto(tmp_path_factory.mktemp("moto")) as port:
        yield f"http://127.0.0.1:{port}"


class Site(BaseHTTPRequestHandler):
    """Answers everything with its server's page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.page)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    """The API and the dashboard, as far as somebody asks whether they answer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.page = b"nothing"  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def deployment(emulator: Settings, emr: str, site: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """What Terraform would have made, made by hand and told in SSM."""
    for key, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": emulator.aws.endpoint,
        "AWS_ENDPOINT_URL_EMR_SERVERLESS": emr,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(key, value)
    clients._session.cache_clear()  # it may have found other credentials
    name, url = emulator.lake.database.removesuffix("_db"), f"http://127.0.0.1:{site.server_address[1]}"
    told = {
        "stream.trades": emulator.stream.trades,
        "stream.dead_letters": emulator.stream.dead_letters,
        "lake.database": emulator.lake.database,
        "lake.bucket": emulator.lake.bucket,
        "lake.raw_bucket": emulator.lake.raw_bucket,
        "tables.alerts": emulator.tables.alerts,
        "tables.metrics": emulator.tables.metrics,
        "spark.checkpoints": f"s3://{name}-checkpoints/of",
    }
    made = made_by_hand(name, url)
    ssm = aws("ssm")
    for folder, values in (("settings", told), ("made", made)):
        for key, value in values.items():
            ssm.put_parameter(Name=f"/{name}/{folder}/{key}", Value=value, Type="String")
    yield find("cloud", name)
    clients._session.cache_clear()


def aws(service: str) -> Any:
    return boto3.session.Session(region_name="us-east-1").client(service)


def made_by_hand(name: str, url: str) -> dict[str, str]:
    for bucket in ("artifacts", "site", "checkpoints"):
        aws("s3").create_bucket(Bucket=f"{name}-{bucket}")
    ecs = aws("ecs")
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(family=name, containerDefinitions=[{"name": "producer", "image": "none", "essential": True}])
    ecs.create_service(cluster=name, serviceName="producer", taskDefinition=name, desiredCount=0)
    application = aws("emr-serverless").create_application(name=name, releaseLabel="emr-7.9.0", type="SPARK", clientToken=name)
    repository = aws("ecr").create_repository(repositoryName=f"{name}-producer")["repository"]["repositoryUri"]
    origin = {"Id": "site", "DomainName": f"{name}.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behaviour = {"TargetOriginId": "site", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}
    distribution = aws("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": name,
            "Comment": name,
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behaviour,
        }
    )["Distribution"]["Id"]
    return {
        "alarm_prefix": f"{name}-",
        "api_url": f"{url}/v1",
        "application_id": application["applicationId"],
        "artifacts_bucket": f"{name}-artifacts",
        "cluster": name,
        "dashboard_bucket": f"{name}-site",
        "dashboard_url": url,
        "distribution": distribution,
        "image": f"{repository}:1.0.0",
        "job_log_group": f"/aws/emr-serverless/{name}",
        "job_role_arn": ROLE,
        "service": "producer",
    }


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A dist/ as `make package` leaves it, but small."""
    out = tmp_path / "dist"
    bodies = {"environment.tar.gz": ("emr", b"environment"), "jobs/stream.py": ("jobs", b"job"), "jars/iceberg.jar": ("jars", b"jar")}
    files = []
    for name, (piece, body) in bodies.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(body)
        files.append(listed(name, piece, body))
    with ZipFile(out / "dashboard.zip", "w") as archive:
        archive.writestr("index.html", PAGE)
        archive.writestr("assets/a.js", b"1")
    files.append(listed("dashboard.zip", "dashboard", (out / "dashboard.zip").read_bytes()))
    (out / "manifest.json").write_text(json.dumps({"files": files}))
    return out


def listed(name: str, piece: str, body: bytes) -> dict[str, Any]:
    return {"name": name, "piece": piece, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return caller(capsys, monkeypatch)


def silent(line: str) -> None:
    """For those who don't listen."""


def test_find_reads_what_was_made_and_the_settings_that_differ(deployment: Deployment, emulator: Settings) -> None:
    assert deployment.settings.lake == emulator.lake
    assert deployment.settings.aws.endpoint == ""
    assert deployment.made.service == "producer"


def test_find_names_the_remedy(deployment: Deployment) -> None:
    with pytest.raises(SetupError, match="nothing is deployed as nowhere in us-east-1: run `ctc deploy`"):
        find("cloud", "nowhere")
    aws("ssm").delete_parameter(Name=f"/{deployment.name}/made/cluster")
    with pytest.raises(ConfigError, match="cluster"):
        find("cloud", deployment.name)


def test_upload_sends_what_is_not_there_and_the_page_that_knows_the_api(deployment: Deployment, dist: Path) -> None:
    said: list[str] = []
    upload("cloud", deployment.name, said.append, dist)
    assert any("3 files sent" in line for line in said)
    (dist / "jobs" / "stream.py").write_bytes(b"new job")
    with pytest.raises(SetupError, match=r"stream\.py is not what"):
        manifest(dist)
    listing = json.loads((dist / "manifest.json").read_text())
    listing["files"][1] = listed("jobs/stream.py", "jobs", b"new job")
    (dist / "manifest.json").write_text(json.dumps(listing))
    artifacts = Artifacts(deployment)
    assert artifacts.upload(dist, silent) == ["jobs/stream.py"]
    assert artifacts.jars() == [f"s3://{deployment.made.artifacts_bucket}/code/jars/iceberg.jar"]
    assert f'<meta name="ctc-api" content="{deployment.made.api_url}"'.encode() in artifacts.page()
    page = aws("s3").head_object(Bucket=deployment.made.dashboard_bucket, Key="assets/a.js")
    assert ("javascript" in page["ContentType"], page["CacheControl"]) == (True, "public, max-age=31536000, immutable")


def test_code_that_is_not_there_as_it_was_packed_is_told(deployment: Deployment, dist: Path) -> None:
    artifacts = Artifacts(deployment)
    with pytest.raises(SetupError, match="no code is in"):
        artifacts.deployed()
    artifacts.upload(dist, silent)
    aws("s3").delete_object(Bucket=deployment.made.artifacts_bucket, Key="code/environment.tar.gz")
    with pytest.raises(SetupError, match=r"has not got environment\.tar\.gz"):
        artifacts.deployed()
    with pytest.raises(StoreError):
        artifacts.page()


def test_start_status_and_stop(deployment: Deployment, dist: Path, ctc: Call) -> None:
    there = ("--name", deployment.name)
    assert "make what costs by the hour" in (refused := ctc("start", *there)).err.replace("makes", "make"), refused
    create_streams(deployment.settings)
    Artifacts(deployment).upload(dist, silent)
    answer = ctc("start", *there, "--wait-s", 0, "--format", "json")
    assert answer.code in (0, None), answer.err
    (run,) = json.loads(answer.out)
    assert (run["name"], run["state"]) == (f"{deployment.name}-stream", "RUNNING")
    assert json.loads(ctc("start", *there, "--wait-s", 0, "--format", "json").out)[0]["id"] == run["id"]
    assert desired(deployment) == 1

    rows = {row["part"]: row["state"] for row in json.loads(ctc("status", "--profile", "cloud", *there, "--format", "json").out)}
    assert rows[f"job run {deployment.name}-stream"] == "RUNNING"
    assert rows[f"stream {deployment.settings.stream.trades}"] == "ACTIVE"
    assert rows["query lake"] == "UNKNOWN"

    stopped = ctc("stop", *there, "--drain-s", 0, "--format", "json")
    assert [(each["id"], each["state"]) for each in json.loads(stopped.out)] == [(run["id"], "CANCELLED")], stopped.err
    assert desired(deployment) == 0


def test_run_was_asked_for_as_the_service_got_it(deployment: Deployment, dist: Path, ctc: Call) -> None:
    create_streams(deployment.settings)
    Artifacts(deployment).upload(dist, silent)
    (run,) = json.loads(ctc("start", "--name", deployment.name, "--wait-s", 0, "--format", "json").out)
    found = aws("emr-serverless").get_job_run(applicationId=deployment.made.application_id, jobRunId=run["id"])["jobRun"]
    assert found["jobDriver"]["sparkSubmit"]["entryPoint"] == f"s3://{deployment.made.artifacts_bucket}/code/jobs/stream.py"
    assert found["executionRole"] == ROLE


def desired(deployment: Deployment) -> int:
    (service,) = aws("ecs").describe_services(cluster=deployment.name, services=["producer"])["services"]
    return int(service["desiredCount"])


def test_behind_is_read_from_checkpoints_and_the_stream(deployment: Deployment) -> None:
    create_streams(deployment.settings)
    checkpoints, kinesis = Checkpoints(deployment.settings), aws("kinesis")
    assert checkpoints.behind() == {"detect": None, "lake": None}
    KinesisWriter(kinesis, deployment.settings.stream.trades).put([Record(key="a", data=b"1")])
    places: dict[str, Any] = {}
    for shard in kinesis.list_shards(StreamName=deployment.settings.stream.trades)["Shards"]:
        start = kinesis.get_shard_iterator(
            StreamName=deployment.settings.stream.trades, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        last = [record["SequenceNumber"] for record in kinesis.get_records(ShardIterator=start)["Records"]]
        places[shard["ShardId"]] = {"seq": last[-1] if last else "", "at": 0, "closed": False}
    nothing_yet = {shard: {**place, "seq": ""} for shard, place in places.items()}
    for query, batches in {"detect": {"0": nothing_yet, "9": nothing_yet, "10": places}, "lake": {"3": nothing_yet}}.items():
        for batch, offset in batches.items():
            body = f'v1\n{{"batchWatermarkMs":0}}\n{json.dumps(offset)}'.encode()
            aws("s3").put_object(Bucket=f"{deployment.name}-checkpoints", Key=f"of/{query}/offsets/{batch}", Body=body)
            aws("s3").put_object(Bucket=f"{deployment.name}-checkpoints", Key=f"of/{query}/commits/{batch}", Body=b"v1\n{}")
    found = checkpoints.behind()
    assert found["detect"] == 0
    assert found["lake"] is not None
    assert found["lake"] > 0


def test_ready_names_what_is_missing_and_then_is_content_with_what_it_can_see(
    deployment: Deployment, dist: Path, ctc: Call, site: ThreadingHTTPServer
) -> None:
    there = ("--name", deployment.name, "--format", "json")
    before = ctc("ready", *there)
    rows = {row["check"]: row for row in json.loads(before.out)}
    assert before.code == 1
    assert "are missing: artifacts, image, streams" in before.err
    assert {name for name, row in rows.items() if row["ok"]} == {"credentials", "deployment", "API", "alarms"}
    assert all(row["remedy"] for row in rows.values() if not row["ok"])

    create_streams(deployment.settings)
    create_tables(deployment.settings)
    upload("cloud", deployment.name, silent, dist)
    site.page = deployment.made.api_url.encode()  # type: ignore[attr-defined]
    ctc("start", "--name", deployment.name, "--wait-s", 0)
    rows = {row["check"]: row for row in json.loads(ctc("ready", *there).out)}
    assert {"artifacts", "streams", "hot tables", "Spark", "dashboard"} <= {name for name, row in rows.items() if row["ok"]}
    assert rows["fresh data"]["found"] == "no symbol has a clock yet"
    assert not rows["image"]["ok"]


def test_ready_without_a_deployment_says_so(deployment: Deployment, ctc: Call) -> None:
    answer = ctc("ready", "--name", "nowhere", "--format", "json")
    assert [(row["check"], row["ok"]) for row in json.loads(answer.out)] == [("credentials", True), ("deployment", False)]
    assert answer.code == 1
