"""Writes records to a Kinesis stream within PutRecords' limits, and says exactly which ones were refused.

Limits: 500 records and 5 MB a call, 1 MiB a record with its key
(https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError, ReadTimeoutError
from botocore.exceptions import ConnectionError as BotoConnectionError

from ctc.aws.clients import THROTTLES, translating
from ctc.errors import PartialWrite, StreamError, Throttled
from ctc.ports import Record

if TYPE_CHECKING:
    from mypy_boto3_kinesis.client import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsOutputTypeDef

MAX_RECORDS = 500
MAX_CALL_BYTES = 5_000_000
MAX_RECORD_BYTES = 1 << 20
RETRY_AFTER_S = 0.25
# An emulator that restarts, a lost network: worth another try for as long as the caller can hold its records.
_SILENCE = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, BotoConnectionError, HTTPClientError)


class KinesisWriter:
    """A `ctc.ports.StreamWriter` for one stream. `put` blocks: call it from a thread where a loop must go on.

    A call that got no answer may have been carried out: whoever repeats it writes at least once.
    """

    def __init__(self, client: KinesisClient, stream: str) -> None:
        self._client = client
        self._stream = stream

    def put(self, records: Sequence[Record]) -> None:
        """Write all, in calls within the limits, in order.

        Raises PartialWrite with the indexes that were refused, Throttled when none was taken, StreamError where
        another try is of no use.
        """
        failed: list[int] = []
        reason = ""
        for start, part in _calls(records):
            try:
                refused, why = self._call(part)
            except Throttled as error:
                if start == 0:
                    raise
                # What came before is written: only the rest is to be tried again.
                failed.extend(range(start, len(records)))
                reason = str(error)
                break
            failed.extend(start + index for index in refused)
            reason = why or reason
        if failed and len(failed) == len(records):
            raise Throttled(f"Kinesis took none of {len(records)} records for {self._stream}: {reason}", RETRY_AFTER_S)
        if failed:
            raise PartialWrite(f"Kinesis refused {len(failed)} of {len(records)} records for {self._stream}: {reason}", tuple(failed))

    def _call(self, records: Sequence[Record]) -> tuple[list[int], str]:
        try:
            with translating(f"writing to the Kinesis stream {self._stream}"):
                answer = self._put_records(records)
        except Throttled as error:
            raise Throttled(str(error), RETRY_AFTER_S) from error
        refused = [index for index, entry in enumerate(answer["Records"]) if entry.get("ErrorCode")]
        return refused, self._judge(answer, refused)

    def _put_records(self, records: Sequence[Record]) -> PutRecordsOutputTypeDef:
        entries = [{"Data": record.data, "PartitionKey": record.key} for record in records]
        try:
            return self._client.put_records(StreamName=self._stream, Records=entries)  # type: ignore[arg-type]
        except _SILENCE as error:
            raise Throttled(f"Kinesis does not answer for {self._stream} ({error}); trying again", 1.0) from error
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
                raise Throttled(f"Kinesis failed for {self._stream} ({error}); trying again", 1.0) from error
            raise

    def _judge(self, answer: PutRecordsOutputTypeDef, refused: list[int]) -> str:
        """The first refusal in words; StreamError for one that time won't mend."""
        for index in refused:
            entry = answer["Records"][index]
            code, said = entry.get("ErrorCode", ""), entry.get("ErrorMessage", "")
            if code not in THROTTLES and code not in ("InternalFailure", "ServiceUnavailable"):
                raise StreamError(f"Kinesis refused a record for {self._stream} with {code}: {said}; check the stream's key and policy")
        if not refused:
            return ""
        first = answer["Records"][refused[0]]
        return f"{first.get('ErrorCode', '')} {first.get('ErrorMessage', '')}".strip()


def _calls(records: Sequence[Record]) -> Iterator[tuple[int, Sequence[Record]]]:
    """Runs of records that fit into one call each, with the index of their first."""
    start = size = 0
    for index, record in enumerate(records):
        length = len(record.data) + len(record.key.encode())
        if length > MAX_RECORD_BYTES:
            raise StreamError(
                f"a record of {length:,} bytes for {record.key}: Kinesis takes {MAX_RECORD_BYTES:,}; lower producer.max_pack_bytes"
            )
        if index > start and (index - start == MAX_RECORDS or size + length > MAX_CALL_BYTES):
            yield start, records[start:index]
            start, size = index, 0
        size += length
    if records:
        yield start, records[start:]
