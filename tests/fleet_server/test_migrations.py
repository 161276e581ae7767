"""The migrations make exactly the tables that the domains declare, as one chain."""

import importlib
import json
import pkgutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import column, insert, select, table

import fleet_server
from device.protocol.orders import Target
from fleet_server import migrations
from fleet_server.database import Database, metadata
from fleet_server.fleet import Fleet
from fleet_server.orders import keys_count
from fleet_server.orders.model import orders

for module in pkgutil.walk_packages(fleet_server.__path__, "fleet_server."):
    if module.name.endswith(".model"):
        importlib.import_module(module.name)


def test_the_migrated_database_is_what_the_domains_declare(fleet: Fleet) -> None:
    with fleet.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_there_is_one_chain() -> None:
    assert len(migrations.scripts().get_heads()) == 1


@pytest.mark.parametrize("older", [script.revision for script in migrations.scripts().walk_revisions()])
def test_every_older_version_is_brought_up(older: str, tmp_path: Path) -> None:
    database = Database(tmp_path / "old.db")
    try:
        migrations.upgrade(database, older)
        migrations.upgrade(database)
        with database.reading() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    finally:
        database.close()


def test_bans_that_are_here_already_are_counted_as_new_ones(tmp_path: Path) -> None:
    targets = [Target(by=by, id=name) for by, name in (("work", "W1"), ("version", "S1"), ("picture", "a" * 64))]
    payload = json.dumps({"targets": [target.plain() for target in targets]}).encode()
    database = Database(tmp_path / "old.db")
    try:
        migrations.upgrade(database, "0009")
        with database.writing() as connection:
            names = [column.name for column in orders.columns if not column.nullable and column.name != "banned"]
            values = {name: 0 if name.endswith("_ms") else name for name in names}
            for kind in ("stop", "ban"):
                row = values | {"order": kind, "kind": kind, "payload": payload}
                connection.execute(insert(table("orders", *map(column, row))).values(row))
        migrations.upgrade(database)
        with database.reading() as connection:
            counted = {row.order: row.banned for row in connection.execute(select(orders))}
        assert counted == {"stop": 0, "ban": keys_count(targets)}
    finally:
        database.close()


def test_upgrading_again_changes_nothing(fleet: Fleet) -> None:
    before = whole_of(fleet)
    migrations.upgrade(fleet.database)
    assert before
    assert whole_of(fleet) == before


def whole_of(fleet: Fleet) -> list[str]:
    """The database as SQL: tables, indexes, triggers and every row."""
    with fleet.database.reading() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        return list(raw.iterdump())
