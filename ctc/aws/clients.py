"""Where every boto3 client comes from: the profile's emulator when it names one, else AWS with its usual credentials.

`translating` turns what botocore raises into one of ours, with the remedy.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.loaders import JSONFileLoader
from botocore.session import Session

from ctc.errors import ConfigError, CtcError, SetupError, StoreError, StreamError, Throttled
from ctc.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_glue.client import GlueClient
    from mypy_boto3_kinesis.client import KinesisClient
    from mypy_boto3_s3.client import S3Client

POOL = 32
_LOCK = threading.Lock()
THROTTLES = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
MISSING = frozenset({"ResourceNotFoundException", "EntityNotFoundException", "NoSuchBucket", "NoSuchKey", "404"})
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"})


def endpoint(service: str, settings: Settings) -> str | None:
    """The service's URL on the emulator, or None for AWS itself.

    The profile wins over `AWS_ENDPOINT_URL` and `LOCALSTACK_HOST`: a session talks to its own emulator only.
    """
    given = settings.aws.endpoint
    if not given:
        return None
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"aws.endpoint is {given!r}, needed for {service}: write it as http://HOST:PORT, or leave it empty for AWS")
    from localstack_client.config import parse_localstack_host  # type: ignore[import-untyped]  # here: what goes to AWS is packed without

    try:
        host, port = parse_localstack_host(parts.netloc)
    except RuntimeError as error:
        raise ConfigError(f"aws.endpoint is {given!r}: {error}; write it as http://HOST:PORT") from error
    return f"{parts.scheme}://{host}:{port}"


def credentials(settings: Settings) -> dict[str, str]:
    """Key and secret for the emulator (dummies), as boto3's keywords; empty for AWS, whose credential chain applies."""
    if not settings.aws.endpoint:
        return {}
    from localstack_client.session import Session as LocalSession  # type: ignore[import-untyped]

    dummy = LocalSession(region_name=settings.aws.region).get_credentials()
    return {"aws_access_key_id": dummy.access_key, "aws_secret_access_key": dummy.secret_key}


if TYPE_CHECKING:

    @overload
    def client(service: Literal["dynamodb"], settings: Settings, *, attempts: int = 3) -> DynamoDBClient: ...
    @overload
    def client(service: Literal["kinesis"], settings: Settings) -> KinesisClient: ...
    @overload
    def client(service: Literal["s3"], settings: Settings) -> S3Client: ...
    @overload
    def client(service: Literal["glue"], settings: Settings) -> GlueClient: ...
    @overload
    def client(service: str, settings: Settings, read_timeout_s: float = 60, *, attempts: int = 3) -> Any: ...


def client(service: str, settings: Settings, read_timeout_s: float = 60, *, attempts: int = 3) -> Any:
    """A boto3 client that any thread may use; so many attempts a call, two seconds each to connect."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=2,
        read_timeout=read_timeout_s,
        max_pool_connections=POOL,
        tcp_keepalive=True,
        s3={"addressing_style": "path"} if settings.aws.endpoint else None,
    )
    where: dict[str, Any] = {"region_name": settings.aws.region, "endpoint_url": endpoint(service, settings), **credentials(settings)}
    # One session a process, since it keeps the parsed service definitions (a client costs 5 ms instead of 100);
    # boto3 says that sessions are not safe to share between threads without a lock.
    with _LOCK:
        return _session().client(service, config=config, **where)  # type: ignore[call-overload]


@cache
def _session() -> boto3.session.Session:
    session = Session()
    session.get_component("data_loader").file_loader = _Definitions()
    return boto3.session.Session(botocore_session=session)


class _Definitions(JSONFileLoader):
    """botocore's service definitions by msgspec: a client needs 2.6 MB of JSON, which took the standard library most of its time."""

    def load_file(self, file_path: str) -> Any:
        """What `file_path`, with the ending that it has, says; None where it is not there."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return msgspec.json.decode(plain.read_bytes())
        return msgspec.json.decode(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


@contextmanager
def translating(what: str, settings: Settings | None = None) -> Iterator[None]:
    """Raise our own error for botocore's; `what` says what was being done, as in "writing alerts to DynamoDB"."""
    try:
        yield
    except ClientError as error:
        raise from_service(what, error) from error
    except (EndpointConnectionError, ConnectTimeoutError, BotoConnectionError, ReadTimeoutError) as error:
        raise SetupError(_silent(what, error, settings)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise SetupError(f"{what}: no AWS credentials; run `aws configure`, or choose a profile with an emulator") from error
    except BotoCoreError as error:
        raise StoreError(f"{what}: {error}") from error


def from_service(what: str, error: ClientError) -> CtcError:
    """Our error for an answer that says no: Throttled, or StreamError (Kinesis) and StoreError (the rest)."""
    code = error.response.get("Error", {}).get("Code", "unknown")
    said = error.response.get("Error", {}).get("Message", "") or str(error)
    kind = StreamError if "kinesis" in what.lower() else StoreError
    if code in THROTTLES:
        return Throttled(f"{what}: too fast ({code}); try again in a second", retry_after=1.0)
    if code in MISSING:
        return kind(f"{what}: it is not there ({said}); start a session with `ctc sim`, or make the resources with `ctc up`")
    if code in DENIED:
        return SetupError(f"{what}: AWS refused the credentials ({code}); check them with `aws sts get-caller-identity`")
    return kind(f"{what}: {code}: {said}")


def _silent(what: str, error: BotoCoreError, settings: Settings | None) -> str:
    at = (settings.aws.endpoint if settings else "") or str(error.kwargs.get("endpoint_url", ""))
    if settings is not None and not settings.aws.endpoint:
        return f"{what}: AWS does not answer ({error}); check the network and aws.region"
    return f"{what}: the emulator at {at} does not answer: start a session with `ctc sim`, or name the one that runs with --state"
