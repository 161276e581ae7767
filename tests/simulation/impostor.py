"""A fleet server in the wrong hands: it has the service keys and the database, but no officer's key.

Each returns what it did, for the story.
"""

import random
from typing import Any

from device.protocol.limits import DAY_MS
from device.protocol.orders import RESUME, STOP
from tests import builders
from tests.simulation.fleet import Fleet
from tests.simulation.machine import Machine
from tests.simulation.network import Network
from tests.simulation.promises import Promises

FORGERS = (
    (builders.ZHANG,),  # one voice
    (builders.STRANGER, builders.LEASE_KEY),
    (builders.WANG, builders.ZHAO),  # of elsewhere
)


class Impostor:
    """Who signs what the fleet server signs."""

    def __init__(
        self, machine: Machine, fleet: Fleet, network: Network, promises: Promises, chance: random.Random
    ) -> None:
        self._machine = machine
        self._fleet = fleet
        self._network = network
        self._promises = promises
        self._chance = chance

    def lease(self) -> str:
        """For the nonce of the last report."""
        record = self._fleet.records[self._machine.box]
        if record.report is None or not record.report.nonce:
            return "impostor: has no nonce"
        self._promises.suspicion.was_falsified = True
        at_ms = self._machine.around.true_ms() + self._chance.choice((-400, -3, 3, 400, 7000)) * DAY_MS
        span = {"issued_at_ms": at_ms}
        others = ({"venue": builders.OTHER_VENUE}, {"region": builders.ELSEWHERE}, {"nonce": "0" * 32})
        changes: dict[str, Any] = dict(self._chance.choice((span, *others)))
        self._fleet.lend(self._machine.box, record, record.report, **changes)
        return f"impostor: lease with {changes}"

    def no_acks(self) -> str:
        self._fleet.gives_acks = not self._fleet.gives_acks
        return f"impostor: gives acks: {self._fleet.gives_acks}"

    def ack(self) -> str:
        """Of what the box never wrote."""
        size = self._chance.randrange(5000)
        self._network.down(self._machine.box, "ack", builders.ack_envelope(size=size, head="ab" * 32))
        return f"impostor: ack of {size}"

    def order(self) -> str:
        """Without two officers."""
        kind = self._chance.choice((STOP, RESUME))
        known = tuple(self._promises.standing.numbers())[-60:] or (f"{builders.REGION}-2026-000001",)
        changes: dict[str, Any] = {"ends": known} if kind == RESUME else {}
        number = 900_000 + self._chance.randrange(1000)
        raw = builders.order_envelope(kind, number=number, signers=self._chance.choice(FORGERS), **changes)
        self._network.down(self._machine.box, "order", raw)
        return f"impostor: forges a {kind}"
