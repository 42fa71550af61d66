"""Closed shards in MiniStack as in Kinesis; used by `sim.ministack_server`, so the standard library and `ministack` only.

MiniStack 1.5.33 drops a shard with its records when it is split or merged. In Kinesis the parent is closed: it takes no
records, keeps those that it has until the retention, is listed with its last number, and a reader that has drained it
is given no next iterator (https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

CLOSED = "ending_sequence_number"
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[dict[str, Any]], Answer]


def keep_closed_shards(kinesis: Any) -> None:
    """Change the module `ministack.services.kinesis` in place."""
    route, shown, get_records = kinesis._route_to_shard, kinesis._shard_out, kinesis._get_records

    def route_to_open(number: int, stream: dict[str, Any]) -> Any:
        return route(number, {"shards": {name: shard for name, shard in stream["shards"].items() if CLOSED not in shard}})

    def show(name: str, shard: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = shown(name, shard)
        if CLOSED in shard:
            found["SequenceNumberRange"]["EndingSequenceNumber"] = shard[CLOSED]
        return found

    def get(data: dict[str, Any]) -> Answer:
        state = kinesis._shard_iterators.get(data.get("ShardIterator"))
        status, headers, body = get_records(data)
        stream = kinesis._streams.get(state["stream"]) if state else None
        shard = stream["shards"].get(state["shard_id"]) if stream else None
        if status != 200 or shard is None or CLOSED not in shard:
            return status, headers, body
        answer = json.loads(body)
        after = kinesis._shard_iterators.pop(answer["NextShardIterator"])
        if after["position"] >= len(shard["records"]):
            del answer["NextShardIterator"]
            answer["ChildShards"] = []
        else:
            kinesis._shard_iterators[answer["NextShardIterator"]] = after
        return status, headers, json.dumps(answer).encode()

    kinesis._route_to_shard, kinesis._shard_out, kinesis._get_records = route_to_open, show, get
    kinesis._split_shard = _keeping_parents(kinesis, kinesis._split_shard, ("ShardToSplit",))
    kinesis._merge_shards = _keeping_parents(kinesis, kinesis._merge_shards, ("ShardToMerge", "AdjacentShardToMerge"))


def _keeping_parents(kinesis: Any, reshard: Handler, names: tuple[str, ...]) -> Handler:
    """The call that puts back, closed, what it takes away; a shard that is closed already is refused."""

    def reshard_and_keep(data: dict[str, Any]) -> Answer:
        stream = kinesis._resolve_stream(data)[1]
        before = dict(stream["shards"]) if stream else {}
        if any(CLOSED in before.get(data.get(name), {}) for name in names):
            refused: Answer = kinesis.error_response_json("ResourceInUseException", "The shard is closed.", 400)
            return refused
        answer = reshard(data)
        for name in sorted(before.keys() - (stream["shards"].keys() if stream else before.keys())):
            stream["shards"][name] = {**before[name], CLOSED: kinesis._next_sequence_number()}
        return answer

    return reshard_and_keep
