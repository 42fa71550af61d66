"""SQL over the lake without Spark: DuckDB reads the Iceberg tables where they lie."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import duckdb

from ctc.aws import clients
from ctc.aws.located import table_finder
from ctc.errors import ConfigError, LakeError, SetupError
from ctc.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa  # with numpy a tenth of a second of the command, which can do without

SMALL = "512MB"
EXTENSIONS = ("httpfs", "avro", "iceberg")  # each needs the ones before it
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # nothing is fetched at run time: the extensions are wheels
    "autoload_known_extensions": False,
    # To check a signature is to hash 79 MB, a third of a question's time. What is loaded is of the locked wheels, whose hashes the
    # set-up checks, and a question can't load anything (`check_read_only`).
    "allow_unsigned_extensions": True,
    "enable_http_metadata_cache": True,  # Iceberg's files never change
}
_EXPLAIN = re.compile(r"\s*explain(\s+analyze)?\s*(\([^)]*\))?", re.IGNORECASE)
_USERS_FAULT = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
    duckdb.SyntaxException,
)


class LakeReader:
    """Every table of the session's database by name (`raw_trades`, ...), as of now at each query; read only.

    Safe to share between threads. A table without a snapshot reads as empty. With `scratch`, a question takes at most `SMALL` of
    memory, and what is beyond lies in that folder meanwhile.
    """

    def __init__(self, settings: Settings, scratch: Path | None = None) -> None:
        self._settings = settings
        self._find = table_finder(settings)
        self._connection = _connect(settings)
        if scratch is not None:
            self._connection.execute(f"set memory_limit = '{SMALL}'; set temp_directory = {quoted(str(scratch))}")
        self._views: dict[str, str] = {}
        self._secret = ""
        self._lock = threading.Lock()

    def tables(self) -> list[str]:
        """The names that can be asked for, sorted."""
        return sorted(self._find())

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The rows of one SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN; `$name` in it is `parameters["name"]`.

        Decimals keep every digit. Raises ConfigError for SQL that can't be run, LakeError when the lake can't be read.
        """
        with self.answering(sql, parameters) as answer:
            return answer.to_arrow_table()

    def batches(self, sql: str, parameters: Mapping[str, Any] | None = None, rows: int = 10_000) -> Iterator[pa.RecordBatch]:
        """The rows of `query`, so many at a time, as the caller goes on: for answers that need not fit into memory."""
        with self.answering(sql, parameters) as answer:
            yield from answer.to_arrow_reader(rows)

    @contextmanager
    def answering(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of DuckDB's at the first row of `query`; rows are read from the lake as they are fetched."""
        check_read_only(sql)
        names = self._refresh(sql)
        with self._connection.cursor() as cursor, self._translating(names):
            yield cursor.execute(sql, dict(parameters) if parameters else None)

    def as_of(self, name: str, snapshot: int) -> str:
        """What a question calls the table as of a snapshot. Raises LakeError where it is not there."""
        view, location = f"{name}@{snapshot}", self._find()[name]
        with self._lock:
            self._sign()
            self._point(view, scan(location, snapshot))
        return f'"{view}"'

    def close(self) -> None:
        """Let go of the connection; the reader is of no use afterwards."""
        self._connection.close()

    @contextmanager
    def _translating(self, names: list[str]) -> Iterator[None]:
        """Raise our own errors for DuckDB's; one that is the question's fault names the tables."""
        try:
            yield
        except _USERS_FAULT as error:
            raise ConfigError(f"{_first_line(error)}\nTables: {', '.join(names) or 'none'}") from error
        except duckdb.Error as error:
            raise LakeError(f"the lake at {self._where()} can't be read: {_first_line(error)}") from error

    def _refresh(self, sql: str) -> list[str]:
        """Point the views of tables that the text speaks of, or all where it names none, at their newest metadata; all tables' names.

        To point one, DuckDB reads the table's manifests: after a day of commits that takes longer than most questions.
        """
        locations = self._find()
        text = sql.casefold()
        named = {name for name in locations if name.casefold() in text} or set(locations)
        with self._lock:
            self._sign()
            for name in sorted(named):
                if self._views.get(name) != (location := locations[name]):
                    self._point(name, self._select(name, location))
                    self._views[name] = location
        return sorted(locations)

    def _sign(self) -> None:
        """Renew DuckDB's keys when the credential chain has new ones; an emulator's never change."""
        if self._secret and self._settings.aws.endpoint:
            return
        if (secret := _secret(self._settings)) != self._secret:
            self._connection.execute(secret)
            self._secret = secret

    def _point(self, name: str, scan: str) -> None:
        view = name.replace('"', '""')
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f'create or replace view "{view}" as {scan}')
        except duckdb.Error as error:
            raise LakeError(f"the table {name} can't be read: {_first_line(error)}") from error

    def _select(self, name: str, location: str) -> str:
        """What a table's view reads."""
        return scan(location)

    def _where(self) -> str:
        return self._settings.aws.endpoint or self._settings.aws.region


def scan(location: str, snapshot: int | None = None) -> str:
    """A query of all that a table holds, by its metadata file: as of a snapshot, or as the file has it."""
    when = "" if snapshot is None else f", snapshot_from_id = {snapshot}"
    return f"select * from iceberg_scan({quoted(location)}{when})"  # noqa: S608 - quoted


def quoted(text: str) -> str:
    """The text in SQL. As a parameter DuckDB would have pandas imported first, to see that it is none of its values: half a second."""
    return "'" + text.replace("'", "''") + "'"


def check_read_only(sql: str) -> None:
    """Raise ConfigError unless the text is one statement that only reads."""
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise ConfigError(f"this is not SQL that can be run: {_first_line(error)}") from error
    if len(statements) != 1:
        raise ConfigError(f"give one SQL statement, not {len(statements)}")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        check_read_only(without_explain(statements[0].query))
    elif kind != duckdb.StatementType.SELECT:
        raise ConfigError(f"the lake is read only here: use SELECT, WITH, DESCRIBE, SHOW or EXPLAIN, not {kind.name}")


def without_explain(sql: str) -> str:
    """The statement that an EXPLAIN is about; any other as it is."""
    return _EXPLAIN.sub("", sql, count=1)


def _connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config=_CONFIG)
    for name in EXTENSIONS:
        folder = files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}"
        try:
            connection.load_extension(str(folder / f"{name}.duckdb_extension"))
        except duckdb.Error as error:
            raise SetupError(
                f"DuckDB {duckdb.__version__} can't load its {name} extension; run `make setup`: {_first_line(error)}"
            ) from error
    connection.execute("set global TimeZone = 'UTC'")  # else each cursor takes the machine's
    return connection


def _secret(settings: Settings) -> str:
    """The statement that gives DuckDB the keys that boto3 would use now."""
    region = settings.aws.region
    url = clients.endpoint("s3", settings)
    if url is None:
        found = boto3.session.Session(region_name=region).get_credentials()
        if found is None:
            raise SetupError("no AWS credentials to read the lake with; run `aws configure`, or choose a profile with an emulator")
        keys = found.get_frozen_credentials()
        words = {"key_id": keys.access_key, "secret": keys.secret_key, "session_token": keys.token or ""}
    else:
        dummy, parts = clients.credentials(settings), urlsplit(url)
        words = {"key_id": dummy["aws_access_key_id"], "secret": dummy["aws_secret_access_key"]}
        words |= {"endpoint": parts.netloc, "url_style": "path", "use_ssl": str(parts.scheme == "https").lower()}
    listed = ", ".join(f"{name} '{value}'" for name, value in words.items() if value)
    return f"create or replace secret lake (type s3, region '{region}', {listed})"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n\n")[0]
