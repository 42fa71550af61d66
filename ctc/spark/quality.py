"""What a batch adds to data quality: the table `quality`, the hot copy, CloudWatch; and its dead letters with their summary.

A batch that comes twice counts once. The table remembers batches in its snapshots, the hot copy in each item, the summary in its
part. CloudWatch has no memory: a batch is published when the table took it for new, so a crash between the two loses its points
there, never doubles them. Neither the hot copy nor CloudWatch can stop a query: what they do not take waits for the next batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
from pyspark.sql import Column
from pyspark.sql import functions as F

from ctc.aws.dead_letter_summary import DeadLetterSummary
from ctc.aws.dead_letters import DeadLetters
from ctc.aws.lakehouse import TableAppender, rows_of_quality
from ctc.aws.quality import MAX_SAMPLES
from ctc.ports import MetricsWriter, QualityStore
from ctc.quality.counts import QualityBatch, Tally, Totals
from ctc.quality.letters import Sample, sample_of
from ctc.schema import QUALITY
from ctc.settings import Settings
from ctc.spark.backlog import Backlog

log = logging.getLogger("ctc.spark")
TALLIES = msgspec.msgpack.Decoder(list[Tally])
# PRD 9.3's figures of a batch as aggregates of its packed rows: the fields of `Totals`.
_TOTALS = {
    "processed": "sum(trades + rejects)",
    "passed": "sum(trades - flagged)",
    "failed": "sum(rejects)",
    "late": "sum(late)",
    "duplicates": "sum(duplicates)",
    "arrived_us": "max(arrived_us)",
}


def totals_observed() -> list[Column]:
    """What `observe` is to compute of packed rows."""
    return [F.expr(aggregate).alias(name) for name, aggregate in _TOTALS.items()]


class LetterBox:
    """Files a batch's dead letters and counts them in the summary."""

    def __init__(self, settings: Settings) -> None:
        self._symbols = settings.session.symbols
        self._letters, self._summary = DeadLetters(settings), DeadLetterSummary(settings)

    def put(self, run: str, batch_id: int, letters: Mapping[str, bytes]) -> list[Sample]:
        """File letters, given by partition key as msgpack lists of `Refused`; samples of the newest."""
        refused = [each for key, some in letters.items() for each in self._letters.put(run, batch_id, key, some)]
        if not refused:
            return []
        self._summary.add(run, batch_id, refused)
        newest = sorted(refused, key=lambda each: (each.arrival_us, each.id), reverse=True)[:MAX_SAMPLES]
        return [sample_of(each, self._symbols) for each in newest]


class QualitySink:
    """Counts each batch of one query once."""

    def __init__(self, query: str, appender: TableAppender, hot: QualityStore, published: MetricsWriter) -> None:
        self._query, self._appender = query, appender
        self._hot = Backlog(f"{query}: writing the hot copy of quality", hot.put)
        self._published: Backlog[Callable[[], Totals]] = Backlog(f"{query}: publishing quality", lambda totals: published.publish(totals()))
        # A thread of its own: nobody waits for CloudWatch, nor for Spark's word of what it observed.
        self._publisher = ThreadPoolExecutor(1, thread_name_prefix="quality")
        self._publishing: Future[None] = Future()

    def take(self, run: str, batch_id: int, tallies: Sequence[Tally], samples: Sequence[Sample], totals: Callable[[], Totals]) -> None:
        """Count the batch; `totals` is asked when its figures are published."""
        new = self._appender.append_once(QUALITY.name, rows_of_quality(tallies), query=self._query, run=run, batch_id=batch_id)
        self._hot.offer(QualityBatch(query=self._query, run=run, batch_id=batch_id, tallies=tallies, samples=samples))
        if new:
            self._published.add(totals)
            if self._published.trouble is None or self._publishing.done():  # tries at what is away don't pile up
                self._publishing = self._publisher.submit(self._published.drain)
                self._publishing.add_done_callback(_tell)

    @property
    def waiting(self) -> int:
        """Batches that the hot copy or CloudWatch has not taken yet."""
        return max(len(self._hot), len(self._published))


def _tell(done: Future[None]) -> None:
    if (error := done.exception()) is not None:
        log.error("publishing quality failed: %r", error)
