"""Which wallets of a public tape trade ahead of the price, with an interval and a stated false discovery rate (docs/WALLETS.md)."""

from ctc.wallets.alpha import Score, SkillReport, measure, report_on, score_wallets, skill_report
from ctc.wallets.episodes import Episode, Role, WalletTrade, episodes
from ctc.wallets.markouts import CoinPrices, Markout, markouts
from ctc.wallets.rules import AlphaRules
from ctc.wallets.scored import ScoreRun, Tape, WalletReport, WalletScore, scored

__all__ = [
    "AlphaRules",
    "CoinPrices",
    "Episode",
    "Markout",
    "Role",
    "Score",
    "ScoreRun",
    "SkillReport",
    "Tape",
    "WalletReport",
    "WalletScore",
    "WalletTrade",
    "episodes",
    "markouts",
    "measure",
    "report_on",
    "score_wallets",
    "scored",
    "skill_report",
]
