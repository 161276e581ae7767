"""A second box with the same key: the card was copied, or the key was read and put on a new card.

It takes the session of the first, as SPEC 11.3 has it, and tells of plays of its own. What the fleet must make of it:
an incident each time, and nothing of the first box's story is changed. Returns what it did, for the story.
"""

import random

from tests.fleet_server.fake_journal import FakeJournal
from tests.simulation.fleet import Fleet
from tests.simulation.machine import Machine
from tests.simulation.network import Network
from tests.simulation.promises import Promises

FORKED_MAX = 4  # entries of the first box that a copied card has told otherwise


class Clone:
    """Of one box."""

    def __init__(
        self, machine: Machine, fleet: Fleet, network: Network, promises: Promises, chance: random.Random
    ) -> None:
        self._machine = machine
        self._fleet = fleet
        self._network = network
        self._promises = promises
        self._chance = chance

    def speaks(self) -> str:
        box = self._machine.box
        record = self._fleet.records[box]
        if not record.epochs:
            return "clone: there is nothing to be copied yet"
        session = self._network.sessions.get(box)
        if session is not None:
            session.drop()
        journal, first = self._new_card() if self._chance.random() < 0.5 else self._copied_card()
        journal.now_ms = self._machine.around.true_ms()
        journal.sing(self._chance.randint(1, 3))
        before, incidents = self._fleet.entries_of(box), len(record.incidents)
        self._fleet.arrived(box, "journal", journal.batch(first))
        is_noticed = len(record.incidents) > incidents
        self._promises.was_cloned(is_noticed, self._fleet.entries_of(box) == before)
        return f"clone: tells of entries {journal.epoch}-{first} to {journal.size}"

    def _new_card(self) -> tuple[FakeJournal, int]:
        return FakeJournal(self._machine.box, self._machine.signer), 0

    def _copied_card(self) -> tuple[FakeJournal, int]:
        """Of some entries ago."""
        epochs = self._fleet.records[self._machine.box].epochs
        number = max(epochs)
        epoch = epochs[number]
        journal = FakeJournal(self._machine.box, self._machine.signer, number)
        kept = max(0, epoch.position.size - self._chance.randint(1, FORKED_MAX))
        journal.chains = [epoch.chains.get(seq, b"") for seq in range(-1, kept)]
        journal.texts = [b""] * kept  # what the first box has told already, and nobody is told again
        return (journal, kept) if journal.chains[-1] else self._new_card()
