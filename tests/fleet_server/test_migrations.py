"""The migrations make exactly the tables that the domains declare, as one chain."""

import importlib
import pkgutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import fleet_server
from fleet_server import migrations
from fleet_server.database import Database, metadata
from fleet_server.fleet import Fleet

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
