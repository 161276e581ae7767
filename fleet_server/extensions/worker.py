"""A region that falls silent is given an extension, and another every day for as long as it is.

Its boxes cannot hear of it by MQTT, or they would not be silent: offices carry it (`extension show`), and those that
come back first are told at once.
"""

from contextlib import AbstractAsyncContextManager

from device.crypto.p256 import SigningKey
from device.protocol import topics
from device.protocol.limits import DAY_MS
from fleet_server import audit
from fleet_server.extensions import store
from fleet_server.extensions.outages import silent_regions
from fleet_server.fleet import Fleet
from fleet_server.rounds import rounds

LOOK_EVERY_S = 600
AGAIN_AFTER_MS = DAY_MS
ACTOR = "leases"


def worker(fleet: Fleet) -> AbstractAsyncContextManager[None]:
    return rounds(LOOK_EVERY_S, lambda: look(fleet))


def look(fleet: Fleet) -> list[store.Extended]:
    """One round; blocks. Raises KeyFileError."""
    settings, now_ms = fleet.settings, fleet.clock.now_ms()
    with fleet.database.reading() as connection:
        tallies = silent_regions(connection, settings.outage_percent, settings.outage_boxes_min, now_ms)
        tallies = [
            tally for tally in tallies if not store.is_covered(connection, tally.region, now_ms - AGAIN_AFTER_MS)
        ]
    if not tallies:
        return []
    key = SigningKey.load(fleet.keys / "lease.pem")
    found = []
    with fleet.database.writing() as connection:
        for tally in tallies:
            facts = {"silent": tally.silent, "boxes": tally.boxes}
            extended = store.issue(
                connection,
                key,
                region=tally.region,
                for_ms=1000 * settings.outage_extension_s,
                by=ACTOR,
                reason=f"{tally.silent} of {tally.boxes} boxes are silent",
                now_ms=now_ms,
            )
            audit.record(
                connection,
                at_ms=now_ms,
                actor=ACTOR,
                action="lease.extend",
                region=tally.region,
                subject=f"extension:{extended.id}",
                after=facts,
            )
            found.append(extended)
    for extended in found:
        announce(fleet, extended)
    return found


def announce(fleet: Fleet, extended: store.Extended) -> None:
    """To every box that listens; those of other regions leave it."""
    fleet.downlink.send(topics.down_all("extension"), extended.envelope)
