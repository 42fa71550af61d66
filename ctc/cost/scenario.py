"""What is asked of the cloud, and every assumption that is neither measured nor in `infra/`."""

from __future__ import annotations

from math import inf

import msgspec

from ctc.errors import ConfigError

MONTH_H = 730.0  # AWS's hours of a month
DAY_H = 24.0


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """An hour that streams, and a day that does not."""

    rate: float = 1_000.0  # trades a second, all symbols
    symbols: int = 4  # of profiles/cloud.toml
    viewers: int = 1  # dashboards that are open
    detect_s: float = 1.0  # seconds from one batch to the next (spark.detect_trigger_s)
    lake_s: float = 60.0  # spark.lake_trigger_s
    kept_gb: float = 1.0  # in S3 while idle
    packed: bool = True  # trades packed into records; False: each trade its own record

    def __post_init__(self) -> None:
        """Raises ConfigError for what can't be."""
        positive = {"rate": self.rate, "detect_s": self.detect_s, "lake_s": self.lake_s}
        for name, value in positive.items():
            if not 0 < value < inf:
                raise ConfigError(f"{name} is {value:g}: it has to be above zero")
        for name, value in {"viewers": self.viewers, "kept_gb": self.kept_gb, "symbols": self.symbols}.items():
            if not 0 <= value < inf:
                raise ConfigError(f"{name} is {value:g}: it can't be below zero")


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody has measured these on AWS."""

    busy: float = 0.7  # share of a worker's vCPU that is used before another worker is needed
    worker_vcpu: float = 2.0  # infra/modules/emr-serverless: 2 vCPU, 4 GB each
    worker_gb: float = 4.0
    least_workers: int = 2  # a driver and an executor
    most_vcpu: float = 8.0  # the application's cap (infra/variables.tf)
    writes_per_file: float = 2.0  # a checkpoint's file is written, then renamed: on S3 a copy
    requests_per_poll: int = 10  # a dashboard's, each 10 s
    poll_s: float = 10.0
    read_units: float = 10.0  # DynamoDB's, a request that misses the API's memory
    lambda_gb: float = 1.0  # infra/modules/api
    lambda_s: float = 0.1  # a request
    answer_kb: float = 20.0
    kms_calls: float = 1_000.0  # an hour; bucket keys are on
    endpoints: int = 6  # infra/modules/network, one zone
    producer_vcpu: float = 0.25  # infra/modules/producer
    producer_gb: float = 1.0
    alarms: int = 6  # infra/modules/monitoring
    quality_metrics: int = 7  # PRD 9.3
    image_gb: float = 0.5  # of the producer, in ECR


ASSUMED = Assumed()
WORDS = (
    "list prices of us-east-1 without free tiers, discounts and taxes; Spark at the x86 price, though infra/ asks for ARM64: "
    "no price of that was found",
    "a batch of `detect` begins every {detect_s:g} s and one of `lake` every {lake_s:g} s; slower batches cost less than this says",
    "CPU-seconds of the machine that measured are taken for vCPU-seconds of EMR Serverless; a worker is filled to {busy:.0%}",
    "workers of {worker_vcpu:g} vCPU and {worker_gb:g} GB, at least {least_workers}: more where CPU or the measured memory ask for them",
    "a checkpoint's file on S3 takes {writes_per_file:g} writes (one and a copy for the rename); measured were the files, on a local disk",
    "a dashboard asks {requests_per_poll} times every {poll_s:g} s; each answer has {answer_kb:g} KB, {lambda_s:g} s of Lambda at "
    "{lambda_gb:g} GB and {read_units:g} read units",
    "{kms_calls:,.0f} calls of KMS an hour; the producer's image has {image_gb:g} GB; {kept_gb:g} GB lie in S3",
    "a trade and a batch use what two windows of a simulated market were measured to use; a real market's frames have other lengths",
    "not counted: Athena's queries ($5 a TB), the daily batch, Container Insights, data transfer of the producer (in is free), support",
)


def sentences(scenario: Scenario, assumed: Assumed = ASSUMED) -> list[str]:
    """Every assumption, with its values."""
    values = {**msgspec.structs.asdict(assumed), **msgspec.structs.asdict(scenario)}
    return [text.format(**values) for text in WORDS]
