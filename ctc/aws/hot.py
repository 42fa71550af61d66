"""The hot tables in DynamoDB: their definitions, and what both stores share (times as keys, expiry, paging).

`alerts`: key `alert_id`; indexes `by_time`, `by_symbol`, `by_type`, each a bucket of time (ten minutes) and the sort key
`detected` (`detected_at#alert_id`). `metrics`: key `symbol` (the partition, of an hour at most) and `item`. Partitions and
index buckets are small, since a Query on the emulator costs with what they hold. Items are whole
documents (`doc`, JSON with exact numbers) beside their keys: DynamoDB's own numbers end at 38 digits.

Readers decode answers with msgspec (`reader`): botocore's own way took 25.5 ms of Python for 700 alerts, all of it holding
the interpreter, and this takes 3.7 (of which projecting onto the document saves most).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.clients import client, translating
from ctc.errors import StoreError, Throttled
from ctc.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

BUCKET = len("2026-01-15T12:3")
HOUR = len("2026-01-15T12")
BATCH = 25  # items of one BatchWriteItem
ATTEMPTS = 8
INDEXES = {"by_time": "time_bucket", "by_symbol": "symbol_bucket", "by_type": "type_bucket"}
TTL = "expires_at"
ENCODER = msgspec.json.Encoder(decimal_format="number")
FOREVER = 2**62
Decoded = TypeVar("Decoded")


class Text(msgspec.Struct):
    """DynamoDB's text."""

    S: str


class Number(msgspec.Struct):
    """DynamoDB's number."""

    N: str


class Document(msgspec.Struct):
    """An item of either table, as much of it as readers want."""

    doc: Text
    expires_at: Number | None = None
    item: Text | None = None
    alert_id: Text | None = None

    @property
    def text(self) -> str:
        """The document."""
        return self.doc.S

    @property
    def until(self) -> int:
        """When it may go, in epoch seconds. DynamoDB may take days to remove what has expired, so readers look."""
        return int(self.expires_at.N) if self.expires_at is not None else FOREVER


class Page(msgspec.Struct):
    """An answer to Query."""

    Items: list[Document]
    LastEvaluatedKey: dict[str, Any] | None = None


class Got(msgspec.Struct):
    """An answer to GetItem."""

    Item: Document | None = None


_PAGE, _GOT = msgspec.json.Decoder(Page), msgspec.json.Decoder(Got)


def wall_clock() -> datetime:
    """The machine's time; only for TTLs."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """A moment as text that sorts like time: fixed width, UTC, microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def bucket(moment: datetime) -> str:
    """The ten minutes a moment falls in, as in `2026-01-15T12:3`."""
    return stamp(moment)[:BUCKET]


def hour(moment: datetime) -> str:
    """The hour a moment falls in, as in `2026-01-15T12`."""
    return stamp(moment)[:HOUR]


def hours(first: datetime, last: datetime) -> list[str]:
    """Every hour from `first`'s to `last`'s, oldest first."""
    start = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    count = int((last - start) / timedelta(hours=1)) + 1
    return [hour(start + timedelta(hours=n)) for n in range(count)]


def expiry(wall: datetime, settings: Settings) -> int:
    """When an item written at `wall` may go, in epoch seconds."""
    return int((wall + timedelta(hours=settings.tables.ttl_hours)).timestamp())


def reader(settings: Settings) -> DynamoDBClient:
    """A client whose reads come back as bytes, under `Body`, for `query` and `decoded`; retries and errors are botocore's."""
    found = client("dynamodb", settings)
    for operation in ("Query", "GetItem", "BatchGetItem"):
        found.meta.events.register(f"before-parse.dynamodb.{operation}", _undecoded)
    return found


def writer(settings: Settings) -> DynamoDBClient:
    """A client that tries five times: where a write fails, all of its batch is done again, by a query that starts anew."""
    return client("dynamodb", settings, attempts=5)


def query(dynamo: DynamoDBClient, **request: Any) -> Iterator[Document]:
    """Every item of a Query by a `reader`, page by page, as the caller goes on."""
    while True:
        page = decoded(dynamo.query(**request), _PAGE)
        yield from page.Items
        if page.LastEvaluatedKey is None:
            return
        request["ExclusiveStartKey"] = page.LastEvaluatedKey


def document(dynamo: DynamoDBClient, table: str, key: dict[str, Any]) -> str | None:
    """The document under a key, as it is now, by a `reader`; None where there is none."""
    found = decoded(dynamo.get_item(TableName=table, Key=key, ConsistentRead=True), _GOT).Item
    return None if found is None else found.text


def decoded(answer: Any, decoder: msgspec.json.Decoder[Decoded]) -> Decoded:
    """What a `reader` was answered."""
    return decoder.decode(answer["Body"])


def _undecoded(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] == 200:
        customized_response_dict["Body"], response_dict["body"] = response_dict["body"], b"{}"


def put_batch(dynamo: DynamoDBClient, table: str, items: Sequence[dict[str, Any]]) -> None:
    """Write at most BATCH items of different keys; what DynamoDB leaves over is sent again. Raises Throttled when it takes no more."""
    left: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
    for attempt in range(ATTEMPTS):
        answer = dynamo.batch_write_item(RequestItems={table: left})
        left = answer.get("UnprocessedItems", {}).get(table, [])
        if not left:
            return
        threading.Event().wait(min(2.0, 0.05 * 2**attempt))
    raise Throttled(f"writing to DynamoDB's {table}: {len(left)} of {len(items)} items were refused {ATTEMPTS} times", 2.0)


def create_tables(settings: Settings) -> None:
    """Make `alerts` and `metrics` where they are missing; returns when both can be used.

    Raises StoreError when a table of that name is there with other keys.
    """
    dynamo = client("dynamodb", settings)
    with translating("creating the DynamoDB tables", settings):
        for definition in definitions(settings):
            _create(dynamo, definition)
        for definition in definitions(settings):
            dynamo.get_waiter("table_exists").wait(TableName=definition["TableName"], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
            _expire(dynamo, definition["TableName"])


def definitions(settings: Settings) -> list[dict[str, Any]]:
    """CreateTable's arguments for both tables."""
    attributes = ["alert_id", "detected", *INDEXES.values()]
    alerts = {
        "TableName": settings.tables.alerts,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [_text(name) for name in attributes],
        "KeySchema": _keys("alert_id"),
        "GlobalSecondaryIndexes": [
            {"IndexName": name, "KeySchema": _keys(key, "detected"), "Projection": {"ProjectionType": "ALL"}}
            for name, key in INDEXES.items()
        ],
    }
    metrics = {
        "TableName": settings.tables.metrics,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [_text("symbol"), _text("item")],
        "KeySchema": _keys("symbol", "item"),
    }
    return [alerts, metrics]


def _text(name: str) -> dict[str, str]:
    return {"AttributeName": name, "AttributeType": "S"}


def _keys(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def _create(dynamo: DynamoDBClient, definition: dict[str, Any]) -> None:
    name = definition["TableName"]
    try:
        dynamo.create_table(**definition)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        found = dynamo.describe_table(TableName=name)["Table"]
        indexes = {index["IndexName"] for index in found.get("GlobalSecondaryIndexes", [])}
        wanted = {index["IndexName"] for index in definition.get("GlobalSecondaryIndexes", [])}
        if _shape(found["KeySchema"]) != _shape(definition["KeySchema"]) or not wanted <= indexes:
            raise StoreError(f"table {name} is there with other keys or indexes: delete it, or set another name in [tables]") from error


def _shape(schema: Any) -> set[tuple[str, str]]:
    return {(key["AttributeName"], key["KeyType"]) for key in schema}


def _expire(dynamo: DynamoDBClient, name: str) -> None:
    state = dynamo.describe_time_to_live(TableName=name)["TimeToLiveDescription"].get("TimeToLiveStatus")
    if state not in ("ENABLED", "ENABLING"):
        dynamo.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL})


Wall = Callable[[], datetime]
