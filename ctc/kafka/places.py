"""A topic's partitions and offsets as shards and sequence numbers, for those who read it through Spark and for those who do not.

A sequence number is the offset plus 10^18: of one length, so that text and number have the same order, without leading zeros, so
that one writing is the number's only one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIRST_NUMBER = 10**18
SHARD = "partition-%06d"


def taken(offset: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """By shard, the last sequence number taken, "" for none, by an offset of Spark's reader: {topic: {partition: the next offset}}."""
    following = {int(partition): offset for topic in offset.values() for partition, offset in topic.items()}
    return {shard_of(partition): number(offset - 1) if offset else "" for partition, offset in following.items()}


def number(offset: int) -> str:
    """The sequence number of a record."""
    return str(FIRST_NUMBER + offset)


def offset_behind(number: str) -> int:
    """The offset that follows a sequence number."""
    return int(number) - FIRST_NUMBER + 1


def shard_of(partition: int) -> str:
    """The shard that a partition is."""
    return SHARD % partition


def partition_of(shard: str) -> int:
    """The partition that a shard is."""
    return int(shard.rpartition("-")[2])
