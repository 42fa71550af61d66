"""Named queries: `infra/queries/*.sql`, written for Athena, which Terraform puts there; here they are run by DuckDB or Spark.

sqlglot turns the dialect. Iceberg's time travel and metadata tables, which each engine writes in a way of its own, are turned here:
`FOR VERSION AS OF`, `FOR TIMESTAMP AS OF` and `"TABLE$snapshots"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from ctc.aws.history import Commit, LakeHistory, as_of
from ctc.aws.query import LakeReader, quoted
from ctc.errors import ConfigError
from ctc.settings import ROOT, Settings

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = ROOT / "infra" / "queries"
SNAPSHOTS = "$snapshots"
_SNAPSHOTS = '[{"committed_at": "TIMESTAMPTZ", "snapshot_id": "BIGINT", "operation": "VARCHAR", "summary": "MAP(VARCHAR, VARCHAR)"}]'
_PLACE = re.compile(r"\$\{(\w+)\}")  # as Terraform's templates have it
# What a query asks where nothing else is said; the same in infra/settings.tf.
SINCE = "current_timestamp - INTERVAL '1' DAY"


class Values(msgspec.Struct, frozen=True):
    """What is put in the places of a query."""

    since: datetime | None = None
    snapshot: int | None = None
    moment: datetime | None = None


class At(msgspec.Struct, frozen=True):
    """A table as a query names it: now, at a snapshot, or the list of its snapshots."""

    table: str
    snapshot: int | None = None
    metadata: bool = False


def names() -> dict[str, str]:
    """Every query's name and what it answers."""
    return {path.stem: path.read_text().splitlines()[0].removeprefix("-- ") for path in sorted(FOLDER.glob("*.sql"))}


def text(name: str, settings: Settings, values: Values) -> str:
    """The query in Athena's dialect. Raises ConfigError for a name that is not there, or a value that it needs."""
    path = FOLDER / f"{name}.sql"
    if name not in names():
        raise ConfigError(f"there is no query {name!r}; choose one of: {', '.join(names())}")
    given = {"database": settings.lake.database, "since": SINCE if values.since is None else _literal(values.since)}
    if values.snapshot is not None:
        given["snapshot"] = str(values.snapshot)
    if values.moment is not None:
        given["moment"] = _literal(values.moment)
    try:
        return _PLACE.sub(lambda place: given[place[1]], path.read_text())
    except KeyError as error:
        option = {"snapshot": "--snapshot ID", "moment": "--as-of T"}.get(str(error.args[0]), str(error.args[0]))
        raise ConfigError(f"the query {name} asks for a state of the table: give it with {option}") from None


def _literal(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC'"


def turned(sql: str, dialect: str, name_of: Callable[[At], str], find: Callable[[str, datetime], int]) -> str:
    """The query in another dialect; `name_of` says what a table is called there, `find` which snapshot was current at a moment.

    Raises ConfigError for SQL that Athena would not take.
    """
    try:
        tree = parse_one(sql, dialect="athena")
    except SqlglotError as error:
        raise ConfigError(f"this is not SQL as Athena has it: {str(error).splitlines()[0]}") from error
    if dialect == "duckdb":
        for cut in list(tree.find_all(exp.TimestampTrunc)):
            cut.replace(_cut_in_utc(cut))
    for table in list(tree.find_all(exp.Table)):
        if not table.args.get("db"):
            continue  # a common table expression
        found = exp.to_table(name_of(_at(table, find)), dialect=dialect)
        alias = table.args.get("alias")
        found.set("alias", alias.copy() if alias else exp.TableAlias(this=exp.to_identifier(table.name.partition("$")[0])))
        table.replace(found)
    return tree.sql(dialect=dialect)


def _cut_in_utc(cut: exp.TimestampTrunc) -> exp.Expr:
    """`date_trunc` to what is of one length in UTC, which is the time zone here: by the calendar it takes DuckDB five times as long."""
    unit = cut.unit
    if unit is None or unit.name not in ("SECOND", "MINUTE", "HOUR", "DAY"):
        return cut
    return exp.func("time_bucket", exp.Interval(this=exp.Literal.string("1"), unit=unit.copy()), cut.this.copy())


def _at(table: exp.Table, find: Callable[[str, datetime], int]) -> At:
    name, _, metadata = table.name.partition("$")
    version = table.args.get("version")
    if version is None:
        return At(name, metadata=bool(metadata))
    literal = version.expression.find(exp.Literal)
    if literal is None:
        raise ConfigError(f"{name} is asked for as of what is no number and no time: {version.sql(dialect='athena')}")
    if "TIMESTAMP" in str(version.this).upper():
        return At(name, find(name, datetime.fromisoformat(literal.name.replace(" UTC", "+00:00"))))
    return At(name, int(literal.name))


class NamedReader(LakeReader):
    """Named queries by DuckDB. The tables' commits are read for those alone that ask for a state or the list of them."""

    @cached_property
    def _history(self) -> LakeHistory:
        return LakeHistory(self._settings)

    def ask(self, name: str, values: Values) -> pa.Table:
        """The answer. Raises ConfigError, and LakeError when the lake can't be read."""
        return self.query(self.prepared(name, values))

    def prepared(self, name: str, values: Values) -> str:
        """The query as this reader takes it, with what it asks for in place. Raises ConfigError and LakeError."""
        asked = text(name, self._settings, values)

        def find(table: str, moment: datetime) -> int:
            return snapshot_at(self._history.of(table), table, moment)

        return turned(asked, "duckdb", self._view, find)

    def _view(self, at: At) -> str:
        if at.metadata:
            listed = msgspec.json.encode(snapshots(self._history.of(at.table))).decode()
            rows = f"select row.* from (select unnest(from_json({quoted(listed)}, {quoted(_SNAPSHOTS)})) as row)"  # noqa: S608 - quoted
            self._connection.execute(f'create or replace table "{at.table}{SNAPSHOTS}" as {rows}')
            return f'"{at.table}{SNAPSHOTS}"'
        if at.snapshot is None:
            return f'"{at.table}"'
        if at.snapshot not in {commit.snapshot_id for commit in self._history.of(at.table)}:
            raise ConfigError(f"{at.table} has no snapshot {at.snapshot}: `ctc query --named snapshots` lists those of raw_trades")
        return self.as_of(at.table, at.snapshot)


def snapshot_at(commits: list[Commit], table: str, moment: datetime) -> int:
    """The table's snapshot then. Raises ConfigError where it held nothing yet."""
    found = as_of(commits, moment)
    if found is None:
        raise ConfigError(f"{table} held nothing at {moment.isoformat()}: `ctc query --named snapshots` lists what it held when")
    return found.snapshot_id


def snapshots(commits: list[Commit]) -> list[dict[str, Any]]:
    """A table's snapshots with the columns that Athena has of them, as far as queries ask for them; main's own, where Athena lists any."""
    return [
        {
            "committed_at": commit.at,
            "snapshot_id": commit.snapshot_id,
            "operation": commit.operation,
            "summary": {
                f"ctc.{key}": str(value)
                for key, value in (("query", commit.query), ("run", commit.run), ("batch", commit.batch))
                if value is not None
            },
        }
        for commit in commits
    ]


def spark_name(settings: Settings, catalog: str, at: At) -> str:
    """A table as Iceberg's Spark catalog names it, with its snapshot or metadata."""
    base = f"{catalog}.{settings.lake.database}.{at.table}"
    if at.metadata:
        return f"{base}.snapshots"
    return base if at.snapshot is None else f"{base}.snapshot_id_{at.snapshot}"
