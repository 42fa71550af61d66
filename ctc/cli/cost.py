"""`ctc cost`: what the cloud profile would cost, by list prices and measured figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ctc.errors import ConfigError
from ctc.settings import load_profile


def cost(
    rate: Annotated[float, typer.Option(metavar="N", help="Trades a second, of all symbols.")] = 1_000.0,
    viewers: Annotated[int, typer.Option(min=0, metavar="N", help="Dashboards that are open.")] = 1,
    detect: Annotated[float | None, typer.Option(metavar="S", help="Seconds between batches of detect (default: the profile's).")] = None,
    lake: Annotated[float | None, typer.Option(metavar="S", help="Seconds between batches of lake (default: the profile's).")] = None,
    kept: Annotated[float, typer.Option(metavar="GB", help="What lies in S3 on an idle day.")] = 1.0,
    format: Annotated[Literal["table", "json"], typer.Option(help="json has every line and every assumption.")] = "table",
    plot: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Draw it: FILE.svg or FILE.png.")] = None,
    prices: Annotated[Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Another price file.")] = None,
    measured: Annotated[Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Other measured figures.")] = None,
) -> None:
    """What the cloud profile would cost: an hour that streams, a million trades, an idle day.

    Measured figures of a simulated session times list prices of us-east-1.
    Nothing has been run on AWS; every assumption is printed.

    \b
    ctc cost
        1,000 trades a second, one dashboard open
    ctc cost --rate 150 --viewers 0
        about what three symbols trade on an average day
    ctc cost --detect 5 --format json
        a batch each 5 s; every line as data
    ctc cost --plot cost.svg
        by rate and by service, beside what the PRD expected
    """
    from ctc.cost import measured as figures
    from ctc.cost import model
    from ctc.cost import prices as listed
    from ctc.cost.scenario import Scenario

    settings = load_profile("cloud")
    scenario = Scenario(
        rate=rate,
        symbols=len(settings.session.symbols),
        viewers=viewers,
        detect_s=settings.spark.detect_trigger_s if detect is None else detect,
        lake_s=settings.spark.lake_trigger_s if lake is None else lake,
        kept_gb=kept,
    )
    list_prices = listed.load_prices(prices or listed.NEWEST)
    found = figures.load_measured(measured or figures.NEWEST)
    used = figures.usage(found)
    if plot is not None:
        _draw(scenario, used, list_prices, plot)
    packed, single = (model.estimate(each, used, list_prices) for each in (scenario, _unpacked(scenario)))
    if format == "json":
        _write_json(packed, single, list_prices, found)
    else:
        from ctc.cli.cost_table import show

        show(packed, single, list_prices, found)


def _unpacked(scenario: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(scenario, packed=False)


def _draw(scenario: Any, used: Any, prices: Any, path: Path) -> None:
    from ctc.cost.plot import draw  # altair takes a second that a table does without
    from ctc.picture import check_form

    check_form(path)
    if not path.resolve().parent.is_dir():
        raise ConfigError(f"--plot {path}: there is no folder {path.resolve().parent}; make it first")
    draw(scenario, used, prices, path)


def _write_json(packed: Any, single: Any, prices: Any, measured: Any) -> None:
    import msgspec

    from ctc.cost.scenario import sentences

    value = {
        "prices": prices.date,
        "measured": measured.machine,
        "estimate": packed,
        "one_trade_a_record": {"active_hour": single.active_hour, "million_more": single.million_more},
        "assumptions": sentences(packed.scenario),
    }
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
