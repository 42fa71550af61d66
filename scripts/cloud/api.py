"""The API as people reach it, through the emulator's API Gateway and Lambda: that it answers, how long a cold start and a request take."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import httpx

from ctc.aws.clients import client
from ctc.errors import SetupError
from ctc.settings import Settings

PATHS = ("/session", "/alerts", "/symbols", "/health")
ROUNDS = 50


class Measured(NamedTuple):
    """Milliseconds, as a caller on this machine saw them: the first request, and quantiles of the others."""

    cold_ms: float
    p50_ms: float
    p99_ms: float
    requests: int

    def told(self) -> str:
        return f"cold start {self.cold_ms:.0f} ms, then p50 {self.p50_ms:.0f} ms and p99 {self.p99_ms:.0f} ms of {self.requests} requests"


def measure(settings: Settings, api: str, stage: str = "v1", rounds: int = ROUNDS) -> Measured:
    """Ask each path in turn. SetupError when one is not answered with 200."""
    took = []
    with reached(settings, api, stage) as http:
        for path in PATHS * rounds:
            begun = time.perf_counter()
            ask(http, path)
            took.append((time.perf_counter() - begun) * 1000)
    cold, *warm = took
    return Measured(cold, quantile(warm, 0.5), quantile(warm, 0.99), len(warm))


def reached(settings: Settings, api: str, stage: str = "v1") -> httpx.Client:
    """A client of the API as the emulator's API Gateway serves it."""
    return httpx.Client(base_url=f"{settings.aws.endpoint}/_aws/execute-api/{api}/{stage}", trust_env=False, timeout=120)


def ask(http: httpx.Client, path: str) -> Any:
    """The answer's JSON. SetupError when it is not answered with 200."""
    answer = http.get(path)
    if answer.status_code != httpx.codes.OK:
        raise SetupError(f"the API answered {path} with {answer.status_code}: {answer.text[:500]}")
    return answer.json()


def quantile(values: list[float], of: float) -> float:
    """The smallest value that so large a part is not above."""
    return sorted(values)[max(0, math.ceil(of * len(values)) - 1)]


def api_by_hand(settings: Settings, name: str, package: bytes, environment: dict[str, str]) -> str:
    """A function and a REST API before it, as infra/modules/api has them, where there is no Terraform; the API's id."""
    functions: Any = client("lambda", settings)
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="ctc.api.lambda_handler.handler",
        Role=f"arn:aws:iam::{settings.aws.account}:role/api",
        Code={"ZipFile": package},
        Environment={"Variables": environment},
        MemorySize=1024,
        Timeout=60,
    )
    gateway: Any = client("apigateway", settings)
    api = str(gateway.create_rest_api(name=name)["id"])
    (root,) = gateway.get_resources(restApiId=api)["items"]
    resource = gateway.create_resource(restApiId=api, parentId=root["id"], pathPart="{proxy+}")["id"]
    method = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    uri = f"arn:aws:apigateway:{settings.aws.region}:lambda:path/2015-03-31/functions/{made['FunctionArn']}/invocations"
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=api, stageName="v1")
    return api
