"""What requests count against an exchange's limit, as the exchange's own module says it beside its paths."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

NEAR = 0.9  # of the minute's allowance: others at this address, and what is under way, need the rest


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Weights by path, and the header that says what an address has used of its weight a minute; without them each request counts as one.

    `usual` is the weight of the request that a profile's `rest_per_s` counts, and of every path that `weights` does not name.
    """

    usual: int = 1
    weights: dict[str, int] = {}
    a_minute: int = 0
    used: str = ""

    def share(self, path: str) -> float:
        """How many usual requests a request counts as."""
        return self.weights.get(path.partition("?")[0], self.usual) / self.usual

    def nearly(self, headers: Mapping[str, str]) -> str:
        """What is nearly used up, by an answer's headers; "" while there is room, and where they don't say."""
        said = headers.get(self.used, "") if self.used else ""
        if not said.isdecimal() or int(said) < NEAR * self.a_minute:
            return ""
        return f"this address has used {int(said):,} of its {self.a_minute:,} in this minute"
