"""Finds the faults: every module of `sim.faults.kinds` holds one or several."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ctc.errors import ConfigError
from sim.faults import kinds
from sim.faults.fault import Fault


def known() -> dict[str, type[Fault]]:
    """All faults by name, sorted."""
    found: dict[str, type[Fault]] = {}
    for module in pkgutil.iter_modules(kinds.__path__):
        for value in vars(import_module(f"{kinds.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Fault) and "name" in vars(value):
                found[value.name] = value
    return dict(sorted(found.items()))


def chosen(names: list[str]) -> list[type[Fault]]:
    """The faults of these names, all where none is given. Raises ConfigError naming those there are."""
    faults = known()
    if unknown := [name for name in names if name not in faults]:
        raise ConfigError(f"there is no fault {unknown[0]!r}; choose among: {', '.join(faults)}")
    return [faults[name] for name in names or faults]
