"""What a trade, a batch and a second use, worked out of two measured windows of different rates (`scripts/measure_cost.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ctc.errors import ConfigError

NEWEST = Path(__file__).with_name("measured-2026-11-27.json")
SPARK = ("Spark's JVM", "Spark's Python driver", "Spark's Python workers")
PRODUCER = "producer"


class Window(msgspec.Struct, frozen=True):
    """Some seconds of a session: counts within them."""

    rate: float
    seconds: float
    trades: int
    trades_sent: int
    lake_batches: int
    detect_batches: int
    dead_letters_batches: int
    cpu_s: dict[str, float]
    calls: dict[str, int]
    checkpoint_files: dict[str, int]
    log_bytes: int
    peak_bytes: dict[str, int]
    peak_bytes_shared_once: dict[str, int]

    @property
    def batches(self) -> int:
        """Of all queries."""
        return self.lake_batches + self.detect_batches + self.dead_letters_batches

    @property
    def spark_cpu_s(self) -> float:
        """Of the driver, its JVM and its Python workers."""
        return sum(self.cpu_s.get(name, 0.0) for name in SPARK)


class Measured(msgspec.Struct, frozen=True):
    """A file of measured figures: the machine, and one window a rate, the slower first.

    `line_bytes` where the windows did not count lines; `note` says what else is different about the file.
    """

    machine: dict[str, Any]
    windows: list[Window]
    line_bytes: float = 0.0
    note: str = ""


class Linear(msgspec.Struct, frozen=True):
    """`base` for each base unit (a second, a batch), and `trade` for each trade; neither below zero."""

    base: float
    trade: float

    def at(self, base: float, trades: float) -> float:
        """For so many base units and trades."""
        return self.base * base + self.trade * trades


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What the model multiplies prices with."""

    spark_cpu_s: Linear  # a batch of either query, a trade
    producer_cpu_s: Linear  # a second, a trade
    spark_memory: float  # bytes, at the peak; pages that workers share once
    kinesis_kb: Linear  # records rounded up to 1 KB; a second, a trade
    kinesis_bytes: Linear
    kinesis_records: Linear
    line_bytes: float  # of one trade's line, before packing
    reads: float  # bytes read from the stream for each byte put
    alert_units: float  # DynamoDB's write units of alerts, a trade
    window_units: float  # of bars and spreads, a second
    snapshot_units: float  # a batch of `detect`
    lake_units: float  # of quality and gaps, a batch of `lake`
    detect_puts: float  # S3 requests of `detect`'s tables, a second
    detect_gets: float
    lake_puts: float  # a batch of `lake`
    lake_gets: float
    detect_glue: float  # a second
    lake_glue: float  # a batch of `lake`
    detect_checkpoints: float  # files, a batch
    lake_checkpoints: float
    stored_bytes: float  # in the lake, a trade
    metric_calls: float  # PutMetricData, a batch of `lake`
    log_bytes: float  # a second


def load_measured(path: Path = NEWEST) -> Measured:
    """Read a file of figures. Raises ConfigError, which names it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Measured)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: {error}; write it anew with scripts/measure_cost.py") from error


def linear(slow: tuple[float, float, float], fast: tuple[float, float, float]) -> Linear:
    """Two points (base units, trades, what was used) as a plane through zero; where one part would be negative, the other takes all.

    Raises ConfigError where the points can't be told apart.
    """
    (b1, t1, y1), (b2, t2, y2) = slow, fast
    determinant = b1 * t2 - b2 * t1
    if determinant <= 0:
        raise ConfigError("the measured windows need different rates, the slower first")
    base, trade = (y1 * t2 - y2 * t1) / determinant, (b1 * y2 - b2 * y1) / determinant
    if base < 0:
        return Linear(0.0, y2 / t2)
    if trade < 0:
        return Linear(max(y1 / b1, y2 / b2), 0.0)
    return Linear(base, trade)


def usage(measured: Measured) -> Usage:
    """Work it out of the first and the last window.

    Calls that were not told apart by query are taken for `detect`'s, whose batches are more: the dearer way.
    """
    slow, fast = measured.windows[0], measured.windows[-1]

    def called(window: Window, *names: str) -> float:
        return sum(window.calls.get(name, 0) for name in names)

    def fitted(*names: str) -> Linear:
        return linear(*((window.seconds, window.trades_sent, called(window, *names)) for window in (slow, fast)))

    def each(names: tuple[str, ...], unit: str) -> float:
        return sum(called(window, *names) for window in (slow, fast)) / many(unit)

    def many(unit: str) -> float:
        return float(max(1, sum(getattr(window, unit) for window in (slow, fast))))

    def files(query: str) -> float:
        told = sum(window.checkpoint_files.get(query, 0) for window in (slow, fast))
        untold = sum(window.checkpoint_files.get("all", 0) for window in (slow, fast)) / max(1, slow.batches + fast.batches)
        return untold + told / many(f"{query}_batches")

    puts, gets = ("PUT", "POST", "LIST"), ("GET", "HEAD")
    units = linear(*((window.detect_batches, window.trades, called(window, "dynamodb.write_units")) for window in (slow, fast)))
    shared = fast.peak_bytes_shared_once.get(SPARK[2], fast.peak_bytes.get(SPARK[2], 0))
    return Usage(
        spark_cpu_s=linear(*((window.batches, window.trades, window.spark_cpu_s) for window in (slow, fast))),
        producer_cpu_s=linear(*((window.seconds, window.trades_sent, window.cpu_s[PRODUCER]) for window in (slow, fast))),
        spark_memory=fast.peak_bytes.get(SPARK[0], 0) + fast.peak_bytes.get(SPARK[1], 0) + shared,
        kinesis_kb=fitted("kinesis.in_kb"),
        kinesis_bytes=fitted("kinesis.bytes"),
        kinesis_records=fitted("kinesis.records"),
        line_bytes=measured.line_bytes or called(fast, "kinesis.line_bytes") / called(fast, "kinesis.lines"),
        reads=called(fast, "kinesis.out_bytes") / called(fast, "kinesis.bytes"),
        alert_units=called(fast, "dynamodb.write_units.alerts") / fast.trades + units.trade,
        window_units=each(("dynamodb.write_units.windows",), "seconds"),
        snapshot_units=each(("dynamodb.write_units.snapshots",), "detect_batches") + units.base,
        lake_units=each(("dynamodb.write_units.lake",), "lake_batches"),
        detect_puts=each(tuple(f"s3.{name}{query}" for name in puts for query in (".detect", "")), "seconds"),
        detect_gets=each(tuple(f"s3.{name}{query}" for name in gets for query in (".detect", "")), "seconds"),
        lake_puts=each(tuple(f"s3.{name}.lake" for name in puts), "lake_batches"),
        lake_gets=each(tuple(f"s3.{name}.lake" for name in gets), "lake_batches"),
        detect_glue=each(glue(slow, fast, "detect"), "seconds"),
        lake_glue=each(glue(slow, fast, "lake"), "lake_batches"),
        detect_checkpoints=files("detect"),
        lake_checkpoints=files("lake"),
        stored_bytes=called(fast, "s3.put_bytes.lake", "s3.put_bytes.detect", "s3.put_bytes") / fast.trades,
        metric_calls=each(("cloudwatch.PutMetricData",), "lake_batches"),
        log_bytes=max(window.log_bytes / window.seconds for window in (slow, fast)),
    )


def glue(slow: Window, fast: Window, query: str) -> tuple[str, ...]:
    """The names of a query's calls of Glue; those of neither are `detect`'s."""
    names = {name for each in (slow, fast) for name in each.calls if name.startswith("glue.")}
    return tuple(sorted(name for name in names if (name.endswith(".lake")) == (query == "lake")))
