"""Making a data directory: folders, keys, database, first administrator. Again, it adds what is missing."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import insert, select

from fleet_server import audit, fleet, key_files, migrations
from fleet_server.fleet import Fleet
from fleet_server.people.model import accounts, grants, persons
from fleet_server.people.roles import Role
from fleet_server.settings import Settings

COUNTRY = "000000"


def found(settings: Settings, admin: str, password: str, hosts: Sequence[str] = ()) -> list[str]:
    """Returns what was made, for people: empty if everything was there.

    Args:
        hosts: names and addresses under which boxes reach this server, besides the settings' `public_host`.

    Raises OSError, ProblemError PASSWORD_WEAK.
    """
    before = _files(settings.data)
    for folder in (settings.data, settings.data / "tuf" / "metadata", settings.data / "tuf" / "targets"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    built = fleet.build(settings)
    try:
        now_ms = built.clock.now_ms()
        key_files.make_keys(built.keys, now_ms)
        key_files.make_server_certificate(built.keys, (settings.public_host, *hosts), now_ms)
        migrations.upgrade(built.database)
        made = sorted(str(path) for path in _files(settings.data) - before)
        return made + ([f"account {admin}"] if _add_administrator(built, admin, password) else [])
    finally:
        built.database.close()


def _add_administrator(built: Fleet, admin: str, password: str) -> bool:
    """The first administrator is the person `admin` of the whole country."""
    with built.database.reading() as connection:
        if connection.execute(select(accounts).where(accounts.c.account == admin)).first() is not None:
            return False
    password_hash = built.passwords.hash(password)
    now_ms = built.clock.now_ms()
    with built.database.writing() as connection:
        connection.execute(insert(persons).values(person=admin, name=admin, region=COUNTRY, added_at_ms=now_ms))
        connection.execute(
            insert(accounts).values(
                account=admin, person=admin, password_hash=password_hash, is_active=True, added_at_ms=now_ms
            )
        )
        role = {"person": admin, "role": Role.ADMINISTRATOR.value, "region": COUNTRY}
        connection.execute(insert(grants).values(**role, granted_by="init", granted_at_ms=now_ms))
        audit.record(
            connection,
            at_ms=now_ms,
            actor="init",
            action="account.add",
            region=COUNTRY,
            subject=f"account:{admin}",
            after=role,
        )
    return True


def _files(data: Path) -> set[Path]:
    return {path for path in data.rglob("*") if path.is_file() and not path.name.startswith("fleet.db-")}
