"""Detectors as deterministic folds over one symbol's log (docs/FOLDS.md)."""

from ctc.detect.fold import ALL_DETECTORS, SymbolFold
from ctc.detect.outcomes import Outcomes
from ctc.quality.dedup import Gap

__all__ = ["ALL_DETECTORS", "Gap", "Outcomes", "SymbolFold"]
