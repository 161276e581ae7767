"""The database's history: one chain of revisions in `versions/`, kept for ever.

A domain adds a file `versions/NNNN_what.py` whose `down_revision` is the last one on main when it lands.
"""

from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from fleet_server.database import Database, metadata


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", "fleet_server:migrations")
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision`, in one transaction: all steps or none."""
    script = scripts()

    def steps(current: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs(revision, current)  # as the `upgrade` command of alembic

    with database.writing() as connection:
        environment = EnvironmentContext(Config(), script)
        environment.configure(connection=connection, target_metadata=metadata, fn=steps, destination_rev=revision)
        environment.run_migrations()
