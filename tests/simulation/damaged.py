"""An evening of which a flipped bit spoils one unsent entry; for `make soak` and the tests alike."""

from device.protocol.journal import Entry, parse_frame, play_id
from tests import builders
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.world import DAY_S, NOON_S, World


class DamagedEvening(World):
    """Songs while the line is cut, one of which a flipped bit spoils: while the box runs, or while its power is off."""

    def __init__(self, seed: int, is_off: bool) -> None:
        super().__init__(seed * 4)  # a calm one
        self._is_off = is_off

    async def _live(self, _days: int) -> None:
        await self.machine.switch_on()
        await self._until(NOON_S)
        await self._songs(3)
        await self._pause(60)
        self.network.cut()
        await self._songs(12)
        await self._pause(60)
        await self.evening.a_rush()  # in the groups that were written last a flip must not look like their tear
        if self._is_off:
            await self.machine.cut_power()
        spoiled = self._spoil()
        if self._is_off:
            await self.machine.switch_on()
        self.trouble.all_is_well()
        await self._until(DAY_S + NOON_S)
        await self._songs(2)
        await self._pause(120)
        self._require_delivered(spoiled)

    async def _songs(self, count: int) -> None:
        for _ in range(count):
            await self.evening.a_song()
            await self._pause(20)
            await self.evening.a_song_ends()

    def _spoil(self) -> int:
        """One bit of an entry that the fleet does not have; gives its sequence number.

        Any but the last one: of that nothing on the card says whether it was ever whole.
        """
        disk = self.machine.disk
        files = disk.folders["journal"] if self._is_off else disk.files("journal")
        name = min(name for name in files if name.endswith(".fbj"))
        bounds = [0]
        while (found := parse_frame(bytes(files[name]), bounds[-1])) is not None:
            bounds.append(found[2])
        held = self.fleet.records[builders.BOX].epochs[1].position.size
        seq = self.chance.randrange(held + 1, len(bounds) - 2)
        found = parse_frame(bytes(files[name]), bounds[seq])
        lost = Entry.decode(found[0]) if found is not None else None
        if lost is not None and lost.kind == "PLAY_END":
            # Where its end is what was lost, a play that was told to have ended is one that the power ended.
            self.venue.told[str(lost.body["play"])].counted = None
        if lost is not None and lost.kind == "PLAY_START" and self._is_off:
            del self.venue.told[play_id(lost.epoch, lost.seq)]  # the box cannot know it any more, and may say so
        files[name][bounds[seq] + 60] ^= 1
        return seq

    def _require_delivered(self, spoiled: int) -> None:
        record = self.fleet.records[builders.BOX]
        have = {(entry.epoch, entry.seq) for entry in self.fleet.entries_of(builders.BOX)}
        lost = [play for play in self.venue.told if tuple(map(int, play.split("-"))) not in have | {(1, spoiled)}]
        epochs = {epoch: sorted(set(range(known.position.size)) - set(known.chains))
                  for epoch, known in record.epochs.items()}  # fmt: skip
        if lost or epochs != {1: [spoiled], 2: []}:
            raise BrokenPromiseError(f"{lost} lost, holes {epochs}, spoiled was {spoiled}")
        if "JOURNAL_DAMAGED" not in [code for _, code in record.incidents]:
            raise BrokenPromiseError("nobody was told of the hole")


def run(count: int, seed: int) -> None:
    """So many evenings, every other one with the power off. Raises BrokenPromiseError."""
    for number in range(seed, seed + count):
        DamagedEvening(number // 2, is_off=number % 2 == 1).run(days=2)
