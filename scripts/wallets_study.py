"""`python scripts/wallets_study.py --seeds 60`: the alpha score on seeded tapes where it is known who has an edge (docs/WALLETS.md).

Prints what the tests' bounds were set by: how often it sees skill where there is none, how many of its flags are wrong, how many with
an edge it finds, and what flagged wallets make in the weeks after, beside those that a ranking by raw profit picks.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import NamedTuple

from ctc.wallets import AlphaRules, SkillReport, WalletTrade, score_wallets
from sim.alpha_tape import DAY_S, T0_S, WalletMarket, WalletTape, wallet_tape

FREE = AlphaRules(horizons_s=(300,), taker_fee_bp=0, maker_fee_bp=0)
FEES = AlphaRules(horizons_s=(300,), taker_fee_bp=2, maker_fee_bp=0)
BOTH = AlphaRules(taker_fee_bp=0, maker_fee_bp=0)
SKILL = WalletMarket(spread_bp=0)
LUCK = WalletMarket(spread_bp=0, skilled=0, skilled_maker=0)
MONTH = WalletMarket(days=28)
EDGED = ("skilled", "skilled_maker")


class Flags(NamedTuple):
    """Of one report: wallets flagged that have an edge, that have none, and how many have one."""

    right: int
    wrong: int
    edged: int

    @property
    def false_share(self) -> float:
        return self.wrong / max(1, self.right + self.wrong)


def flags(report: SkillReport, tape: WalletTape) -> Flags:
    flagged = [tape.kinds[score.wallet] in EDGED for score in report.scores if score.flagged]
    return Flags(sum(flagged), len(flagged) - sum(flagged), sum(tape.kinds[score.wallet] in EDGED for score in report.scores))


def halves(tape: WalletTape, days: int) -> tuple[list[WalletTrade], list[WalletTrade]]:
    border = (T0_S + days // 2 * DAY_S) * 1_000_000
    return [trade for trade in tape.trades if trade.time_us < border], [trade for trade in tape.trades if trade.time_us >= border]


def by_profit(trades: Iterable[WalletTrade], wallets: Iterable[str]) -> list[str]:
    """These wallets by what they made as takers, at the last prices, the richest first."""
    last: dict[str, float] = {}
    held: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    cash: dict[str, float] = defaultdict(float)
    for trade in trades:
        wallet, sign = (trade.buyer, 1) if trade.side == "buy" else (trade.seller, -1)
        last[trade.coin] = float(trade.price)
        held[wallet][trade.coin] += sign * float(trade.quantity)
        cash[wallet] -= sign * float(trade.quantity * trade.price)
    return sorted(wallets, key=lambda wallet: -cash[wallet] - sum(size * last[coin] for coin, size in held[wallet].items()))


def next_period(tape: WalletTape) -> tuple[Flags, tuple[float, float] | None]:
    """What takers flagged in the first half made an episode in the second, and what as many picked by raw profit made."""
    first, second = halves(tape, MONTH.days)
    before, after = score_wallets(first, FEES)[0], score_wallets(second, FEES)[0]
    flagged = [score.wallet for score in before.scores if score.flagged]
    if not flagged:
        return flags(before, tape), None
    rich = by_profit(first, [score.wallet for score in before.scores])[: len(flagged)]
    made = {score.wallet: score.mean_bp for score in after.scores}
    return flags(before, tape), (fmean(made[wallet] for wallet in flagged), fmean(made[wallet] for wallet in rich))


def lines(seeds: range) -> Iterator[str]:
    for name, market, rules in (("nobody has an edge", LUCK, BOTH), ("some have an edge", SKILL, FREE)):
        seen: dict[str, list[tuple[bool, Flags]]] = defaultdict(list)
        for seed in seeds:
            tape = wallet_tape(seed, market)
            for report in score_wallets(tape.trades, rules):
                seen[f"{report.role}s, {report.horizon_s} s"].append((report.verdict == "wallets differ", flags(report, tape)))
        for which, found in seen.items():
            differ = f"they differ in {sum(differ for differ, _ in found)} of {len(found)}"
            yield f"{name}, {which}: {differ}; {summary([each for _, each in found])}"
    periods = [next_period(wallet_tape(seed, MONTH)) for seed in seeds]
    yield f"after fees, takers, 300 s: {summary([each for each, _ in periods])}"
    pairs = [pair for _, pair in periods if pair is not None]
    yield (
        f"the next two weeks: flagged {fmean(a for a, _ in pairs):.2f} bp an episode, the richest {fmean(b for _, b in pairs):.2f}; "
        f"flagged ahead {sum(a > b for a, b in pairs)} of {len(pairs)}; nobody flagged {len(periods) - len(pairs)}"
    )


def summary(found: list[Flags]) -> str:
    return (
        f"found {sum(each.right for each in found)} of {sum(each.edged for each in found)}; "
        f"wrong {sum(each.wrong for each in found)}, in {sum(each.wrong > 0 for each in found)} tapes, "
        f"mean share {fmean(each.false_share for each in found):.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=60, help="how many tapes of each kind")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    options = parser.parse_args()
    for line in lines(range(options.first, options.first + options.seeds)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
