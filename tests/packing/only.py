"""PACKAGES FILE WORD...: runs a script as `__main__` where of all that is installed only these packages (with commas) can be imported."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from importlib.metadata import packages_distributions

allowed = set(sys.argv[1].split(","))
known = packages_distributions()


class Others:
    """Refuses what is another package's."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """None leaves it to the other finders."""
        owners = {owner.lower().replace("_", "-") for owner in known.get(name.partition(".")[0], [])}
        if owners and not owners & allowed:
            raise ModuleNotFoundError(f"{name} is of {', '.join(owners)}, which is not packed", name=name)


sys.meta_path.insert(0, Others)  # type: ignore[arg-type]
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
