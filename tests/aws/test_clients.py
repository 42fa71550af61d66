"""Clients go where the profile says, and every botocore error becomes one of ours."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from ctc.aws.clients import POOL, client, endpoint, translating
from ctc.errors import ConfigError, CtcError, SetupError, StoreError, StreamError, Throttled
from ctc.settings import load_profile

SIM = load_profile("sim", {"aws.endpoint": "http://127.0.0.1:4599", "aws.region": "eu-west-1"})
AWS = load_profile("sim", {"aws.endpoint": ""})


def test_client_of_an_emulator_has_its_endpoint_and_dummy_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    for service in ("dynamodb", "kinesis", "s3", "glue", "cloudwatch"):
        made = client(service, SIM)
        assert made.meta.endpoint_url == "http://127.0.0.1:4599"
        assert made.meta.region_name == "eu-west-1"
        assert made._request_signer._credentials.access_key != "real"


def test_client_of_aws_has_the_usual_endpoint() -> None:
    assert endpoint("s3", AWS) is None
    assert client("kinesis", AWS).meta.endpoint_url == "https://kinesis.us-east-1.amazonaws.com"


def test_client_may_be_made_in_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: client("dynamodb", SIM), range(16)))
    assert {each.meta.config.max_pool_connections for each in made} == {POOL}


@pytest.mark.parametrize("wrong", ["localhost:4566", "127.0.0.1", "ftp://127.0.0.1:1", "http://", "http://127.0.0.1:port"])
def test_endpoint_that_is_no_url_is_a_config_error(wrong: str) -> None:
    with pytest.raises(ConfigError, match="http://HOST:PORT"):
        endpoint("s3", load_profile("sim", {"aws.endpoint": wrong}))


def test_dead_emulator_is_named_with_the_remedy() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    nobody = load_profile("sim", {"aws.endpoint": url})
    expected = rf"listing tables: the emulator at {url} does not answer: start a session with `ctc sim`"
    with pytest.raises(SetupError, match=expected), translating("listing tables", nobody):
        client("dynamodb", nobody).list_tables()


@pytest.mark.parametrize(
    ("code", "what", "expected"),
    [
        ("ThrottlingException", "reading alerts", Throttled),
        ("ProvisionedThroughputExceededException", "reading Kinesis", Throttled),
        ("ResourceNotFoundException", "reading alerts", StoreError),
        ("ResourceNotFoundException", "reading Kinesis", StreamError),
        ("AccessDeniedException", "reading alerts", SetupError),
        ("ValidationException", "reading alerts", StoreError),
        ("ValidationException", "writing to Kinesis", StreamError),
    ],
)
def test_refusals_become_ours(code: str, what: str, expected: type[CtcError]) -> None:
    with pytest.raises(expected, match=what), translating(what):
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Query")


def test_every_botocore_error_becomes_ours() -> None:
    kinds = [kind for kind in vars(botocore.exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    made = [kind for kind in kinds if issubclass(kind, botocore.exceptions.BotoCoreError)]
    assert len(made) > 50
    for kind in made:
        error = kind.__new__(kind)
        Exception.__init__(error, "trouble")
        error.kwargs = {}
        with pytest.raises(CtcError), translating("asking AWS", SIM):
            raise error


def test_our_own_errors_pass_unchanged() -> None:
    with pytest.raises(ConfigError, match=r"^mine$"), translating("asking AWS"):
        raise ConfigError("mine")
