"""Where the lake's tables are, told by the catalog."""

from __future__ import annotations

from collections.abc import Callable

from ctc.aws import clients
from ctc.settings import Settings


def table_finder(settings: Settings) -> Callable[[], dict[str, str]]:
    """A function that says where each table's newest metadata file is, by name: one call to Glue, or one a table to REST."""
    database = settings.lake.database
    if settings.lake.catalog == "rest":
        from ctc.aws.lakehouse import catalog  # a second of imports that Glue does not need

        lake = catalog(settings)
        return lambda: {name[-1]: lake.load_table(name).metadata_location for name in lake.list_tables(database)}
    glue = clients.client("glue", settings)

    def find() -> dict[str, str]:
        with clients.translating(f"listing the tables of the Glue database {database}", settings):
            pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
            tables = [table for page in pages for table in page["TableList"]]
        found = ((table["Name"], table.get("Parameters", {}).get("metadata_location")) for table in tables)
        return {name: location for name, location in found if location}

    return find
