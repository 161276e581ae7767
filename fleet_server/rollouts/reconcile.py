"""What a box's report does to its legs, and what is sent to it because of them (SPEC 10.4, 10.5, 13.2).

Rules:

1. Only a report that the box signed moves a leg beyond `offered`.
2. Confirmed takes more than the word: the report is of a later boot than the one before the rollout, and of the
   rollout's version.
3. A box that does not name its newest leg gets it with each report, for a message may be lost between a box's
   connecting and its subscribing; a second copy changes nothing. Not while the rollout is paused, and not after
   the deadline.
"""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from device.crypto.p256 import SigningKey
from device.protocol import topics
from device.protocol.envelope import seal
from device.protocol.updates import RolloutLeg
from device.protocol.uplink import Report
from fleet_server.live import Event
from fleet_server.mailroom import Outcome, Outgoing, Sender
from fleet_server.rollouts.legs import CONFIRMED, OFFERED, SCHEDULED, UNDER_WAY, may_become
from fleet_server.rollouts.model import rollout_legs, rollouts
from fleet_server.rollouts.store import name_of


class Legs:
    """Signs legs with the service key `rollout`."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def answer(self, connection: Connection, sender: Sender, report: Report, now_ms: int) -> list[Outcome]:
        """To a report: rules 1 to 3."""
        leg = _newest(connection, sender.box)
        if leg is None:
            return []
        update_said = report.update
        if update_said is None or update_said.rollout != name_of(leg.rollout):
            return self._offered(connection, leg, now_ms)
        if not _is_proven(leg, report, update_said.state) or not may_become(leg.state, update_said.state):
            return []
        _set(connection, leg, now_ms, state=update_said.state, code=update_said.code)
        return [Event("rollout", leg.region, name_of(leg.rollout))]

    def offer(self, connection: Connection, number: int, now_ms: int) -> list[Outgoing]:
        """The legs of a new rollout."""
        query = _query().where(rollout_legs.c.rollout == number)
        outcomes = [self._offered(connection, leg, now_ms) for leg in connection.execute(query).all()]
        return [outcome for part in outcomes for outcome in part if isinstance(outcome, Outgoing)]

    def _offered(self, connection: Connection, leg: Row[Any], now_ms: int) -> list[Outcome]:
        if leg.state not in UNDER_WAY or leg.is_paused or now_ms > leg.deadline_at_ms:
            return []
        message = RolloutLeg(
            box=leg.box, rollout=name_of(leg.rollout), version=leg.version, issued_at_ms=leg.created_at_ms
        )
        _set(connection, leg, now_ms, state=OFFERED if leg.state == SCHEDULED else leg.state, sent_at_ms=now_ms)
        envelope = seal("rollout", message.encode(), [self._key])
        return [
            Outgoing(topics.down(leg.box, "rollout"), envelope.encode()),
            Event("rollout", leg.region, name_of(leg.rollout)),
        ]


def _newest(connection: Connection, box: str) -> Row[Any] | None:
    query = _query().where(rollout_legs.c.box == box).order_by(rollout_legs.c.rollout.desc()).limit(1)
    return connection.execute(query).one_or_none()


def _query() -> Any:
    columns = (rollouts.c.version, rollouts.c.is_paused, rollouts.c.created_at_ms, rollouts.c.deadline_at_ms)
    return select(rollout_legs, *columns).join(rollouts)


def _is_proven(leg: Row[Any], report: Report, state: str) -> bool:
    """Rule 2."""
    return state != CONFIRMED or (report.version == leg.version and report.boot > leg.boot_before)


def _set(connection: Connection, leg: Row[Any], now_ms: int, **changes: object) -> None:
    here = (rollout_legs.c.rollout == leg.rollout, rollout_legs.c.box == leg.box)
    connection.execute(update(rollout_legs).where(*here).values(changed_at_ms=now_ms, **changes))
