"""Scores of the wallets that a tape names, by address, each with its interval (/wallets?role=maker&horizon=3600)."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ctc.settings import Settings
from ctc.wallets import ScoreRun, WalletReport, WalletScore
from ctc.wallets.scored import CAVEAT
from dashboard.inspector import charts, data, frame, words
from dashboard.inspector.data import Source

DRAWN = 40  # wallets of one picture
LISTED = [
    "wallet", "flagged", "alpha_bp", "low_bp", "high_bp", "p_positive", "mean_bp", "error_bp", "p_value", "episodes", "days",
]  # fmt: skip


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    st.info(CAVEAT, icon=":material/info:")
    run, scores = data.wallets(origin)
    if run is None:
        st.info("Nobody was scored here within 30 days. `ctc jobs run wallets` does it, where Hyperliquid takes part in the session.")
        return
    report = _chosen(run)
    _report(run, report)
    _scores([score for score in scores if (score.role, score.horizon_s) == (report.role, report.horizon_s)])


def _chosen(run: ScoreRun) -> WalletReport:
    columns = st.columns([1, 1, 3])
    roles = list(dict.fromkeys(each.role for each in run.reports))
    horizons = list(dict.fromkeys(f"{each.horizon_s}" for each in run.reports))
    role = columns[0].selectbox("Role", roles, key="role", bind="query-params")
    horizon = columns[1].selectbox("Seconds after the trade", horizons, key="horizon", bind="query-params")
    return next(each for each in run.reports if (each.role, f"{each.horizon_s}") == (role, horizon))


def _report(run: ScoreRun, report: WalletReport) -> None:
    differ = report.verdict == "wallets differ"
    st.markdown(f"#### {report.verdict.capitalize()}", help=f"p of all wallets being the same: {report.between_p:.2g}")
    columns = st.columns(4)
    columns[0].metric("Scored", f"{report.scored:,}", help=f"At least {run.min_episodes} episodes on {run.min_days} days")
    columns[1].metric(
        "Flagged", f"{report.flagged:,}", help=f"At a false discovery rate of {run.false_discovery_rate:.0%}, over many reports"
    )
    columns[2].metric("Too few to score", f"{report.too_few:,}", help="Wallets with too few episodes or days")
    columns[3].metric("Mean of all", f"{words.number(report.mean_bp)} bp" if differ else "-", help="To which each is shrunk")
    fee = run.taker_fee_bp if report.role == "taker" else run.maker_fee_bp
    tape = run.tape
    st.caption(
        f"{tape.trades:,} trades of {', '.join(tape.coins)} from {words.moment(tape.since)} to {words.moment(tape.until)}; "
        f"basis points an episode, beyond what the coin did that day anyway, after a fee of {fee.normalize():f}. "
        f"{report.unpriced:,} episodes had no price to be held against. docs/WALLETS.md says how, and what it can't tell."
    )


def _scores(scores: list[WalletScore]) -> None:
    if st.toggle("Only flagged", key="flagged", bind="query-params"):
        scores = [score for score in scores if score.flagged]
    if not scores:
        st.info("No wallet here: none has enough episodes and days, or none is flagged.")
        return
    parts = [scores[start : start + DRAWN] for start in range(0, len(scores), DRAWN)]
    part = 0
    if len(parts) > 1:
        names = [f"{each[0].wallet[:8]}… to {each[-1].wallet[:8]}…" for each in parts]
        part = names.index(st.selectbox("Addresses", names, width=260))
    st.altair_chart(charts.wallet_intervals(parts[part]), width="stretch")
    st.caption(
        "By address: the order says nothing. Line and dot: alpha with its 90 % interval, shrunk the more the less is known. Tick: the mean "
        "as measured. Grey where no skill can be detected: the mean and its standard error over days, which are no evidence of anything."
    )
    st.dataframe(_rounded(words.frame(scores, LISTED)), hide_index=True, height="content" if len(scores) < 10 else 380)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Hundredths of a basis point, thousandths of a probability: more digits say nothing of an estimate. `ctc wallets` has them all."""
    shown = {name: "{:.2f}" if name.endswith("_bp") else "{:.3f}" for name in LISTED if name.endswith("_bp") or name.startswith("p_")}
    return table.assign(
        **{name: table[name].map(lambda value, form=form: "" if value is None else form.format(value)) for name, form in shown.items()}
    )


frame.page("Wallets", "Who traded ahead of the price, as far as luck can be told apart", show)
