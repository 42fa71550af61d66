"""The hot copy of the wallets' scores, for `GET /wallets`, `ctc wallets` and the inspector: in the table `metrics`.

A run has a partition of its own, `_wallets#RUN`, with one item a wallet. The one item of `_wallets` says which run is shown, and is
written last: readers see the run before or this one, whole, whoever is killed. What is no longer shown expires with its run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

import msgspec

from ctc.aws.clients import translating
from ctc.aws.hot import BATCH, ENCODER, TTL, Document, Wall, document, put_batch, query, reader, wall_clock, writer
from ctc.settings import Settings
from ctc.wallets.scored import ScoreRun, WalletScore

PARTITION = "_wallets"
KEPT = timedelta(days=30)  # of the wall clock: past edge is not future edge
_PAGE = 200  # wallets that a reader asks for at once
_RUN = msgspec.json.Decoder(ScoreRun)
_SCORES = msgspec.json.Decoder(list[WalletScore])


class DynamoWallets:
    """`ctc.ports.WalletStore` on DynamoDB."""

    def __init__(self, settings: Settings, wall: Wall = wall_clock) -> None:
        self._settings = settings
        self._table = settings.tables.metrics
        self._dynamo, self._reader = writer(settings), reader(settings)
        self._wall = wall

    def put(self, run: ScoreRun, scores: Sequence[WalletScore]) -> None:
        """Show this run from now on; `scores` come by address. Raises StoreError, Throttled or SetupError; calling again is safe."""
        expires_at = int((self._wall() + KEPT).timestamp())
        items = [
            _item(f"{PARTITION}#{run.run}", wallet, list(own), expires_at)
            for wallet, own in groupby(scores, key=lambda score: score.wallet)
        ]
        with translating("writing the wallets' scores to DynamoDB", self._settings):
            for start in range(0, len(items), BATCH):
                put_batch(self._dynamo, self._table, items[start : start + BATCH])
            self._dynamo.put_item(TableName=self._table, Item=_item(PARTITION, "shown", run, expires_at))

    def run(self) -> ScoreRun | None:
        """See the port."""
        now = self._wall().timestamp()
        return next((_RUN.decode(found.text) for found in self._query("symbol = :name", {":name": PARTITION}) if found.until > now), None)

    def wallets(self, run: str, after: str = "") -> Iterator[list[WalletScore]]:
        """See the port."""
        values = {":name": f"{PARTITION}#{run}", ":after": after or " "}
        names = {"#item": "item"}
        for found in self._query("symbol = :name AND #item > :after", values, ExpressionAttributeNames=names, Limit=_PAGE):
            yield _SCORES.decode(found.text)

    def wallet(self, run: str, address: str) -> list[WalletScore]:
        """See the port."""
        key = {"symbol": {"S": f"{PARTITION}#{run}"}, "item": {"S": address}}
        with translating("reading the wallets' scores from DynamoDB", self._settings):
            doc = document(self._reader, self._table, key)
        return _SCORES.decode(doc) if doc is not None else []

    def _query(self, condition: str, values: dict[str, str], **more: Any) -> Iterator[Document]:
        given = {name: {"S": value} for name, value in values.items()}
        with translating("reading the wallets' scores from DynamoDB", self._settings):
            yield from query(
                self._reader,
                TableName=self._table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=given,
                ConsistentRead=True,
                **more,
            )


def _item(partition: str, name: str, value: Any, expires_at: int) -> dict[str, Any]:
    doc = ENCODER.encode(value).decode()
    return {"symbol": {"S": partition}, "item": {"S": name}, "doc": {"S": doc}, TTL: {"N": str(expires_at)}}
