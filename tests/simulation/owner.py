"""The hostile owner: has the box, the card, the line and patience, but neither the keys nor the counter.

Each returns what it did, for the story. What the checkers must know of it is noted in their `suspicion`.
"""

import random

from tests.device.drivers.crash_folder import Files
from tests.simulation.machine import Machine
from tests.simulation.network import Network
from tests.simulation.promises import Promises

IMAGES_MAX = 4


class Owner:
    """Of one box. What needs an open box is done while the power is off."""

    def __init__(self, machine: Machine, promises: Promises, network: Network, chance: random.Random) -> None:
        self._machine = machine
        self._promises = promises
        self._network = network
        self._chance = chance
        self._images: list[tuple[int, dict[str, Files]]] = []

    def take_an_image(self) -> str:
        """Of the card, power off."""
        count = self._machine.hardware.count
        self._images = [*self._images[-IMAGES_MAX + 1 :], (count, self._machine.disk.image())]
        return f"owner: image of the card at counter {count}"

    def put_an_image_back(self) -> str:
        if not self._images:
            return "owner: has no image"
        count, image = self._chance.choice(self._images)
        what = self._chance.choice((("journal", "state", "run"), ("journal", "state", "run"), ("state",), ("journal",)))
        before = self._machine.disk.folders["state"]
        self._machine.disk.put_back({name: files for name, files in image.items() if name in what})
        is_other = self._machine.disk.folders["state"] != before
        if is_other:
            self._promises.suspicion.must_restrict = False  # what was on the card before is gone
        # The power may have gone between the record and the counter: then one step says nothing.
        self._promises.put_back(is_other, is_other and self._machine.hardware.count > count + 1)
        return f"owner: puts back {'+'.join(what)} of counter {count}"

    def wipe(self) -> str:
        """A new card, or a part of it."""
        what = self._chance.choice((("state",), ("journal",), ("journal", "state", "run")))
        for name in what:
            self._machine.disk.folders[name] = {}
        self._promises.put_back("state" in what, "state" in what)
        return f"owner: wipes {'+'.join(what)}"

    def edit_the_record(self) -> str:
        """Some other bit in the state record."""
        files = self._machine.disk.folders["state"]
        if "state.json" not in files:
            return "owner: finds no record"
        data = files["state.json"]
        at = self._chance.randrange(len(data))
        data[at] ^= 1 << self._chance.randrange(8)
        self._promises.put_back(True, True)
        return f"owner: turns a bit at {at} of the record"

    def edit_the_journal(self) -> str:
        """Some other bit in what is written of the journal."""
        files = self._machine.disk.folders["journal"]
        name = self._chance.choice(sorted(files))
        written = len(files[name].rstrip(b"\0"))
        if not written:
            return "owner: finds nothing written"
        at = self._chance.randrange(written)
        files[name][at] ^= 1 << self._chance.randrange(8)
        self._promises.put_back(False, False)
        return f"owner: turns a bit at {at} of {name}"

    def open_the_seal(self) -> str:
        hardware = self._machine.hardware
        hardware.move_seal(not hardware.seal_is_open)
        return f"owner: seal {'open' if hardware.seal_is_open else 'closed'}"

    def replay(self) -> str:
        """What came down the line once comes down again, in any order."""
        seen = self._network.seen
        again = self._chance.choices(seen, k=min(len(seen), 12)) if seen else []
        for kind, payload in again:
            self._network.hand_over(self._machine.box, kind, payload)
        return f"owner: replays {len(again)} messages"

    def withhold(self) -> str:
        """A proxy that cannot read, but guesses well by size and time."""
        kinds = self._chance.choice(
            (("order",), ("ack",), ("lease",), ("journal",), ("report",), ("receipt", "report"))
        )
        self._network.weather.withheld = frozenset(kinds)
        return f"owner: withholds {'+'.join(kinds)}"

    def set_the_clock(self) -> str:
        jump_ms = self._chance.choice((-40, -7, -1, 1, 7, 40)) * 86_400_000
        self._machine.hardware.rtc_error_ms += jump_ms
        return f"owner: sets the battery clock by {jump_ms:+d} ms"
