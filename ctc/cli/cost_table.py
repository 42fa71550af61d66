"""The tables of `ctc cost`."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ctc.cost.measured import Measured
from ctc.cost.model import Estimate, Line
from ctc.cost.prices import Prices
from ctc.cost.scenario import sentences

SHOWN = 0.00005  # dollars; smaller lines are added up in one


def show(packed: Estimate, single: Estimate, prices: Prices, measured: Measured) -> None:
    """Lines, sums, what was expected, and every assumption, on stdout."""
    screen = Console(width=max(100, Console().width), highlight=False)
    scenario = packed.scenario
    screen.print(f"[bold]An hour at {scenario.rate:,.0f} trades/s, {scenario.viewers} dashboard(s) open[/]")
    screen.print(_lines(packed.hour, prices, "$ an hour"))
    screen.print("[bold]A day without streaming[/]")
    screen.print(_lines(packed.day, prices, "$ a day"))
    screen.print(_sums(packed, single))
    screen.print(_bounds(packed))
    for warning in warnings(packed):
        screen.print(f"! {warning}")
    screen.print("[bold]Assumed[/]")
    for sentence in sentences(scenario):
        screen.print(f"- {sentence}", soft_wrap=True)
    screen.print(f"- measured {measured.machine['date']}, {measured.machine['cores']} cores, {measured.machine['CPU']}", soft_wrap=True)
    screen.print(_seen(prices), soft_wrap=True)


def warnings(found: Estimate) -> list[str]:
    """Where the plan of infra/ would not do."""
    said = []
    if found.beyond_cap:
        said.append(f"{found.workers} workers are more than the application's cap allows: batches would take longer instead")
    if found.producer_share > 1:
        said.append(f"the producer needs {found.producer_share:.1f} times the CPU of its task: raise `cpu` in infra/modules/producer")
    return said


def _lines(lines: list[Line], prices: Prices, head: str) -> Table:
    table = Table("service", "what", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("quantity", "price $", head):
        table.add_column(name, justify="right")
    table.add_column("from")
    shown = [line for line in lines if line.dollars >= SHOWN]
    for line in sorted(shown, key=lambda line: -line.dollars):
        quantity, price = f"{line.quantity:,.4g}", f"{prices.dollars(line.price):.10f}".rstrip("0")
        table.add_row(line.service, line.what, _plain(line.quantity, quantity), price, f"{line.dollars:.4f}", line.basis)
    rest = [line.dollars for line in lines if line.dollars < SHOWN]
    if rest:
        table.add_row("", f"{len(rest)} smaller ones", "", "", f"{sum(rest):.4f}", "")
    return table


def _plain(value: float, short: str) -> str:
    return f"{value:,.0f}" if value >= 1_000 else short


def _sums(packed: Estimate, single: Estimate) -> Table:
    table = Table("", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("packed records", "one trade a record"):
        table.add_column(name, justify="right")
    rows = {
        "$ an hour that streams": "active_hour",
        "$ per million trades, all of it": "million_trades",
        "$ for a million trades more": "million_more",
        "$ an idle day": "idle_day",
    }
    for words, name in rows.items():
        table.add_row(words, f"{getattr(packed, name):.4f}", f"{getattr(single, name):.4f}")
    return table


def _bounds(found: Estimate) -> Table:
    table = Table("what the PRD says", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("here $", "there $", "within"):
        table.add_column(name, justify="right")
    for bound in found.bounds:
        table.add_row(bound.what, f"{bound.dollars:.4f}", f"{bound.most:g}", "yes" if bound.holds else "no")
    return table


def _seen(prices: Prices) -> str:
    kinds = {kind: [name for name, price in prices.prices.items() if price.seen == kind] for kind in ("second hand", "not verified")}
    return (
        f"- prices of {prices.date}: {len(kinds['second hand'])} of {len(prices.prices)} as somebody else names them; "
        f"not verified: {', '.join(kinds['not verified'])}"
    )
