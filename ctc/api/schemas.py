"""OpenAPI's schemas, made from the answers' own types."""

from __future__ import annotations

from typing import Any

import msgspec

from ctc.api.models import ANSWERS, EvidenceTrade, GapSpace, GapSpan, QualityPoint, SymbolInfo, WhaleTrade
from ctc.model import Alert, Bar, Spread, Whale
from ctc.quality.letters import Sample
from ctc.wallets.scored import ScoreRun, Tape, WalletReport, WalletScore

INNER = (
    Alert, Bar, Spread, Whale, EvidenceTrade, SymbolInfo, WhaleTrade, QualityPoint, Sample, GapSpace, GapSpan, ScoreRun, Tape, WalletReport,
    WalletScore,
)  # fmt: skip


def schemas() -> dict[str, Any]:
    """OpenAPI's `components.schemas` of every answer: money as numbers, moments as date-time, every field required."""
    found = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")[1]
    moments = {struct.__name__: _moments(struct) for struct in (*ANSWERS, *INNER)}
    return {name: _published(schema, moments.get(name, frozenset())) for name, schema in sorted(found.items())}


def _moments(struct: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that are or hold a datetime: msgspec's schemas call those plain strings."""
    return frozenset(field.name for field in msgspec.structs.fields(struct) if "datetime" in str(field.type))


def _published(schema: dict[str, Any], moments: frozenset[str]) -> dict[str, Any]:
    parts = {name: _field(part, name in moments) for name, part in schema["properties"].items()}
    words = " ".join(schema.get("description", "").split())
    return {**schema, "description": words, "properties": parts, "required": list(parts), "additionalProperties": False}


def _field(schema: Any, moment: bool) -> Any:
    if isinstance(schema, list):
        return [_field(each, moment) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {"type": "number"}
    if moment and schema.get("type") == "string":
        return {"type": "string", "format": "date-time"}
    return {key: _field(value, moment) for key, value in schema.items() if key != "default"}
