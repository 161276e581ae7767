"""What one running fleet server is made of; built in `serve.py` and by tests, handed to every domain.

The data directory: fleet.db, fleet.toml, ports.json, keys/, tuf/{metadata,targets}/, nats/, policy.json.
"""

from dataclasses import dataclass
from pathlib import Path

from fleet_server import regions
from fleet_server.clock import Clock
from fleet_server.database import Database
from fleet_server.downlink import Downlink
from fleet_server.live import Live
from fleet_server.people.passwords import Passwords
from fleet_server.people.sessions import Expiry
from fleet_server.policy_file import PolicyFile
from fleet_server.regions import Regions
from fleet_server.repository import Publisher, RepositoryFolder
from fleet_server.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Settings, time, storage; no global state elsewhere."""

    settings: Settings
    clock: Clock
    database: Database
    passwords: Passwords
    downlink: Downlink
    live: Live
    policy: PolicyFile
    publisher: Publisher
    regions: Regions

    @property
    def data(self) -> Path:
        return self.settings.data

    @property
    def keys(self) -> Path:
        return self.settings.data / "keys"

    @property
    def tuf(self) -> Path:
        return self.settings.data / "tuf"

    @property
    def session_expiry(self) -> Expiry:
        return Expiry(self.settings.session_idle_s * 1000, self.settings.session_for_s * 1000)


def build(settings: Settings) -> Fleet:
    """The parts, unconnected: nothing is opened before it is used."""
    return Fleet(
        settings=settings,
        clock=Clock(settings.clock_offset_ms),
        database=Database(settings.data / "fleet.db"),
        passwords=Passwords(),
        downlink=Downlink(),
        live=Live(),
        policy=PolicyFile(settings.data / "policy.json"),
        publisher=Publisher(RepositoryFolder(settings.data / "tuf"), settings.data / "keys"),
        regions=regions.load(),
    )
