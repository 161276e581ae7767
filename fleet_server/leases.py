"""Leases: how long a box may serve without contact, issued when it asks (SPEC 7.1).

The number rises with every lease of a box and is never used twice. The key is on line: a lease neither adds nor ends a
hold, and without the box's own nonce it is worth nothing.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, String, Table, case, func, select
from sqlalchemy.dialects.sqlite import insert

from device.crypto.p256 import SigningKey
from device.protocol import topics
from device.protocol.envelope import seal
from device.protocol.lease import Lease
from device.protocol.limits import LEASE_PLAYS_MIN, LEASE_POWERED_S_MIN
from device.protocol.uplink import Report
from fleet_server import orders
from fleet_server.database import metadata
from fleet_server.mailroom import Outgoing, Sender
from fleet_server.plays import open_incident
from fleet_server.venues.model import venues

TIME_REFUSED = "LEASE_TIME"

POWERED_PERCENT = 110  # hours of service allowed until the stop: a box that is never off must not reach them first
AHEAD_MAX = 1 << 32  # leases that an older copy of the database may lack
PLAYS_PER_ROOM = 3_000  # a room in full use sings 70 songs a day

lease_numbers = Table(
    "lease_numbers",
    metadata,
    Column("box", String(36), primary_key=True),
    Column("last", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a lease says beside whom it is for; a box that has less than the epochs published looks for more."""

    full_for_ms: int
    core_for_ms: int
    stop_for_ms: int
    policy_epoch: int
    catalog_epoch: int


def answer(
    connection: Connection, sender: Sender, report: Report, key: SigningKey, terms: Terms, now_ms: int
) -> list[Outgoing]:
    """The lease that the report asks for; none if it asks for none or the box stands elsewhere than it says.

    A box that has lost its claim says no venue; it learns it from the lease (SPEC 6.6). One that has failed and lacks a
    hold that stands there gets the order first: a lease would open it, whether or not the order arrives.
    """
    if not report.nonce or not sender.venue or report.venue not in ("", sender.venue):
        return []
    if report.state == "failed" and report.venue and orders.lacks_a_hold(connection, sender, report, now_ms):
        return []
    core_for_ms = max(terms.full_for_ms, terms.core_for_ms)
    stop_for_ms = max(core_for_ms, terms.stop_for_ms)
    lease = Lease(
        box=sender.box,
        venue=sender.venue,
        region=sender.region,
        lease=_next(connection, sender.box, report.lease),
        nonce=report.nonce,
        issued_at_ms=now_ms,
        full_until_ms=now_ms + terms.full_for_ms,
        core_from_ms=now_ms + core_for_ms,
        stop_at_ms=now_ms + stop_for_ms,
        powered_s_max=max(LEASE_POWERED_S_MIN, stop_for_ms * POWERED_PERCENT // 100 // 1000),
        plays_max=max(LEASE_PLAYS_MIN, PLAYS_PER_ROOM * _rooms(connection, sender.venue)),
        policy_epoch=terms.policy_epoch,
        catalog_epoch=terms.catalog_epoch,
    )
    return [Outgoing(topics.down(sender.box, "lease"), seal("lease", lease.encode(), [key]).encode())]


def note_refused(connection: Connection, sender: Sender, before: Report | None, report: Report, now_ms: int) -> None:
    """A box refused our time: one of its clock, our clock and our key is not what it should be (SPEC 7.3)."""
    seen = before.refused.get(TIME_REFUSED, 0) if before is not None and before.boot == report.boot else 0
    if report.refused.get(TIME_REFUSED, 0) <= seen:
        return
    off_ms = "no time" if report.at_ms is None else f"{report.at_ms - now_ms} ms from ours"
    open_incident(
        connection,
        sender,
        code=TIME_REFUSED,
        epoch=report.journal.epoch,
        seq=0,  # one for the boot, counted
        claim=f"boot {report.boot}".encode(),
        detail=f"the box has {off_ms}",
        evidence=report.encode(),
        now_ms=now_ms,
    )


def _rooms(connection: Connection, venue: str) -> int:
    return int(connection.scalar(select(venues.c.rooms).where(venues.c.venue == venue)) or 0)


def _next(connection: Connection, box: str, has: int) -> int:
    """Above our last and above the one that the box has, should our database be an older copy.

    Not where that is beyond what such a copy lacks: who has a key, the box's or a service key of then, shall not use up
    the numbers. A box that has such a lease takes ours where another key signs it (SPEC 7.1).
    """
    last = lease_numbers.c.last
    upsert = insert(lease_numbers).values(box=box, last=has + 1 if has <= AHEAD_MAX else 1)
    upsert = upsert.on_conflict_do_update(
        set_={"last": case((has - last > AHEAD_MAX, last), else_=func.max(last, has)) + 1}
    )
    return int(connection.execute(upsert.returning(last)).scalar_one())
