"""About how many different values a column has, in the memory of a page, however many rows there are."""

from __future__ import annotations

from hashlib import blake2b

import pyarrow as pa
import pyarrow.compute as pc

MOST = 4_096
_HALF = pa.scalar(33, pa.uint64())
_FACTORS = [pa.scalar(each, pa.uint64()) for each in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)]  # MurmurHash3's last step


class Distinct:
    """Exact below `MOST` values; above, from the `MOST` smallest of their hashes, within 3 % in 19 of 20 columns.

    Bar-Yossef et al., Counting distinct elements in a data stream, 2002.
    """

    def __init__(self) -> None:
        self._least = pa.array([], pa.uint64())

    def add(self, values: pa.Array) -> None:
        """Text, numbers, times or decimals without nulls; always of one type."""
        hashes = _hashes(pc.unique(values))
        if len(self._least) == MOST:
            hashes = hashes.filter(pc.less(hashes, self._least[-1]))
        every = pc.unique(pa.concat_arrays([self._least, hashes]))
        self._least = every.take(pc.array_sort_indices(every)[:MOST])

    def count(self) -> int:
        """How many there have been."""
        if len(self._least) < MOST:
            return len(self._least)
        return (MOST - 1) * 2**64 // int(self._least[-1].as_py())


def _hashes(values: pa.Array) -> pa.Array:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        digests = (blake2b(each.encode(), digest_size=8).digest() for each in values.to_pylist())
        return pa.array([int.from_bytes(digest) for digest in digests], pa.uint64())
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    bits = values.view(pa.uint64())
    for factor in _FACTORS:
        bits = pc.multiply(pc.bit_wise_xor(bits, pc.shift_right(bits, _HALF)), factor)
    return pc.bit_wise_xor(bits, pc.shift_right(bits, _HALF))
