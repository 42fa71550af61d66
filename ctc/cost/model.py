"""Usage times prices: an hour that streams and a day that does not, line by line, and what the PRD expected (PRD 4.2, 12)."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Literal

import msgspec

from ctc.cost.measured import Usage
from ctc.cost.prices import Prices
from ctc.cost.scenario import ASSUMED, DAY_H, MONTH_H, Assumed, Scenario

HOUR_S = 3_600.0
GB = 1e9
KB = 1_024.0
MILLION = 1e6
PRD_ACTIVE = 0.82  # dollars an hour (PRD 12.1)
PRD_DEMO = 5.0  # at most, an hour (PRD 4.2, NF1)
PRD_IDLE = 1.0  # at most, a day (NF1)
PRD_IDLE_ESTIMATE = 0.01  # a day (PRD 12.2)
Basis = Literal["measured", "infra", "assumed"]


class Line(msgspec.Struct, frozen=True):
    """So many units of a price. `basis`: where the quantity is from."""

    service: str
    what: str
    quantity: float
    price: str
    dollars: float
    basis: Basis


class Bound(msgspec.Struct, frozen=True):
    """What was expected, beside what comes out."""

    what: str
    dollars: float
    most: float
    holds: bool


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `hour` and `day` are lines; per million trades: all of an hour, and what one million more would add."""

    scenario: Scenario
    hour: list[Line]
    day: list[Line]
    active_hour: float
    idle_day: float
    million_trades: float
    million_more: float
    workers: int
    beyond_cap: bool
    producer_share: float  # of its task's CPU
    bounds: list[Bound]


def estimate(scenario: Scenario, used: Usage, prices: Prices, assumed: Assumed = ASSUMED) -> Estimate:
    """What the scenario costs. Raises ConfigError for a price that is missing."""
    hour = list(_hour(scenario, used, prices, assumed))
    day = list(_idle(scenario, prices, assumed, DAY_H))
    active, idle = total(hour), total(day)
    trades = scenario.rate * HOUR_S
    needed = workers(scenario, used, assumed)
    cpu = used.producer_cpu_s.at(1, scenario.rate)
    return Estimate(
        scenario=scenario,
        hour=hour,
        day=day,
        active_hour=active,
        idle_day=idle,
        million_trades=active / trades * MILLION,
        million_more=marginal(scenario, used, prices),
        workers=needed,
        beyond_cap=needed * assumed.worker_vcpu > assumed.most_vcpu,
        producer_share=cpu / assumed.producer_vcpu,
        bounds=[
            Bound("an hour, as PRD 12.1 estimated it", active, PRD_ACTIVE, active <= PRD_ACTIVE),
            Bound("an hour of a demo (NF1)", active, PRD_DEMO, active < PRD_DEMO),
            Bound("an idle day (NF1)", idle, PRD_IDLE, idle < PRD_IDLE),
            Bound("an idle day, as PRD 12.2 estimated it", idle, PRD_IDLE_ESTIMATE, idle < PRD_IDLE_ESTIMATE),
        ],
    )


def total(lines: list[Line]) -> float:
    """Dollars of all lines."""
    return sum(line.dollars for line in lines)


def workers(scenario: Scenario, used: Usage, assumed: Assumed = ASSUMED) -> int:
    """Spark's workers: enough CPU for the batches and the trades, enough memory, and a driver with an executor at least."""
    batches = 1 / scenario.detect_s + 1 / scenario.lake_s
    vcpu = used.spark_cpu_s.at(batches, scenario.rate) / assumed.busy
    return max(assumed.least_workers, ceil(vcpu / assumed.worker_vcpu), ceil(used.spark_memory / (assumed.worker_gb * 2**30)))


def stream_gb(scenario: Scenario, used: Usage) -> tuple[float, float]:
    """Gigabytes an hour that Kinesis bills as put, each record rounded up to 1 KB, and that are read."""
    if scenario.packed:
        put, read = used.kinesis_kb.at(1, scenario.rate) * KB, used.kinesis_bytes.at(1, scenario.rate)
    else:
        records = scenario.rate + scenario.symbols  # and a heartbeat a second and symbol
        put, read = records * ceil(used.line_bytes / KB) * KB, records * used.line_bytes
    return put * HOUR_S / GB, read * used.reads * HOUR_S / GB


def marginal(scenario: Scenario, used: Usage, prices: Prices) -> float:
    """Dollars of a million trades more, without another worker: the stream, alerts and the lake's first month."""
    more = msgspec.structs.replace(scenario, rate=scenario.rate + MILLION / HOUR_S)
    (put, read), (put_more, read_more) = stream_gb(scenario, used), stream_gb(more, used)
    return (
        (put_more - put) * prices.dollars("kinesis_gb_in")
        + (read_more - read) * (prices.dollars("kinesis_gb_out") + prices.dollars("endpoint_gb"))
        + used.alert_units * MILLION * prices.dollars("dynamodb_write")
        + used.stored_bytes * MILLION / GB * prices.dollars("s3_gb_month")
    )


def _hour(scenario: Scenario, used: Usage, prices: Prices, assumed: Assumed) -> Iterator[Line]:
    yield from _stream(scenario, used, prices)
    yield from _compute(scenario, used, prices, assumed)
    yield from _stores(scenario, used, prices, assumed)
    yield from _api(scenario, prices, assumed)
    yield from _watching(scenario, used, prices, assumed)
    yield from _idle(msgspec.structs.replace(scenario, kept_gb=0), prices, assumed, 1)


def _line(prices: Prices, service: str, what: str, quantity: float, price: str, basis: Basis) -> Line:
    return Line(service, what, quantity, price, quantity * prices.dollars(price), basis)


def _stream(scenario: Scenario, used: Usage, prices: Prices) -> Iterator[Line]:
    put, read = stream_gb(scenario, used)
    yield _line(prices, "Kinesis", "streams on demand", 2, "kinesis_stream_hour", "infra")
    yield _line(prices, "Kinesis", "GB put, records rounded up to 1 KB", put, "kinesis_gb_in", "measured")
    yield _line(prices, "Kinesis", "GB read by two queries", read, "kinesis_gb_out", "measured")
    yield _line(prices, "VPC", "GB read through the interface endpoint", read, "endpoint_gb", "measured")


def _compute(scenario: Scenario, used: Usage, prices: Prices, assumed: Assumed) -> Iterator[Line]:
    count = workers(scenario, used, assumed)
    yield _line(prices, "EMR Serverless", f"vCPU-hours of {count} workers", count * assumed.worker_vcpu, "emr_vcpu_hour", "measured")
    yield _line(prices, "EMR Serverless", f"GB-hours of {count} workers", count * assumed.worker_gb, "emr_gb_hour", "measured")
    yield _line(prices, "Fargate", "producer, vCPU-hours", assumed.producer_vcpu, "fargate_vcpu_hour", "infra")
    yield _line(prices, "Fargate", "producer, GB-hours", assumed.producer_gb, "fargate_gb_hour", "infra")
    yield _line(prices, "VPC", "the producer's public address", 1, "public_ipv4_hour", "infra")
    yield _line(prices, "VPC", "interface endpoints, one zone", assumed.endpoints, "endpoint_hour", "infra")


def _stores(scenario: Scenario, used: Usage, prices: Prices, assumed: Assumed) -> Iterator[Line]:
    detect, lake, trades = HOUR_S / scenario.detect_s, HOUR_S / scenario.lake_s, scenario.rate * HOUR_S
    units = used.alert_units * trades + used.window_units * HOUR_S + used.snapshot_units * detect + used.lake_units * lake
    yield _line(prices, "DynamoDB", "write units: snapshots, windows, alerts, quality", units, "dynamodb_write", "measured")
    puts, gets = used.detect_puts * HOUR_S + used.lake_puts * lake, used.detect_gets * HOUR_S + used.lake_gets * lake
    yield _line(prices, "S3", "writes of the lake's files and metadata", puts, "s3_put", "measured")
    yield _line(prices, "S3", "reads of the lake's files and metadata", gets, "s3_get", "measured")
    files = used.detect_checkpoints * detect + used.lake_checkpoints * lake
    yield _line(prices, "S3", "writes of checkpoints", files * assumed.writes_per_file, "s3_put", "measured")
    yield _line(prices, "S3", "GB of trades, their first month", used.stored_bytes * trades / GB, "s3_gb_month", "measured")
    yield _line(prices, "Glue", "requests", used.detect_glue * HOUR_S + used.lake_glue * lake, "glue_request", "measured")


def _api(scenario: Scenario, prices: Prices, assumed: Assumed) -> Iterator[Line]:
    asked = scenario.viewers * assumed.requests_per_poll * HOUR_S / assumed.poll_s
    yield _line(prices, "API Gateway", "requests", asked, "api_request", "assumed")
    yield _line(prices, "Lambda", "requests", asked, "lambda_request", "assumed")
    yield _line(prices, "Lambda", "GB-seconds", asked * assumed.lambda_s * assumed.lambda_gb, "lambda_gb_s", "assumed")
    yield _line(prices, "DynamoDB", "read units", asked * assumed.read_units, "dynamodb_read", "assumed")
    yield _line(prices, "CloudFront", "requests", asked, "cloudfront_request", "assumed")
    yield _line(prices, "CloudFront", "GB out", asked * assumed.answer_kb * KB / GB, "cloudfront_gb_out", "assumed")
    yield _line(prices, "X-Ray", "traces: one a second, and 5 % of the rest", _traces(asked), "xray_trace", "assumed")


def _traces(asked: float) -> float:
    first = min(asked, HOUR_S)
    return first + 0.05 * (asked - first)


def _watching(scenario: Scenario, used: Usage, prices: Prices, assumed: Assumed) -> Iterator[Line]:
    calls = used.metric_calls * HOUR_S / scenario.lake_s
    yield _line(prices, "CloudWatch", "metrics of quality", assumed.quality_metrics / MONTH_H, "metric_month", "infra")
    yield _line(prices, "CloudWatch", "PutMetricData", calls, "metric_call", "measured")
    yield _line(prices, "CloudWatch", "GB of logs", used.log_bytes * HOUR_S / GB, "log_gb", "measured")
    yield _line(prices, "KMS", "calls", assumed.kms_calls, "kms_call", "assumed")


def _idle(scenario: Scenario, prices: Prices, assumed: Assumed, hours: float) -> Iterator[Line]:
    """What is there whether or not something streams."""
    month = hours / MONTH_H
    yield _line(prices, "KMS", "the project's key", month, "kms_key_month", "infra")
    yield _line(prices, "CloudWatch", "alarms", assumed.alarms * month, "alarm_month", "infra")
    yield _line(prices, "CloudWatch", "dashboard", month, "dashboard_month", "infra")
    yield _line(prices, "ECR", "GB-months of the producer's image", assumed.image_gb * month, "ecr_gb_month", "assumed")
    yield _line(prices, "S3", "GB-months kept", scenario.kept_gb * month, "s3_gb_month", "assumed")
