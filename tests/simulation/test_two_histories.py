"""A journal that goes on behind the place where the fleet was told that it ends: its owner wiped it and put it back."""

from tests.simulation.world import NOON_S, World


class LongerImage(World):
    """The record knows less of the journal than the image that comes back once the box has begun another epoch."""

    def __init__(self) -> None:
        super().__init__(0)  # a calm one

    async def _live(self, _days: int) -> None:
        await self.machine.switch_on()
        await self._until(NOON_S)
        await self._songs(3)
        self.network.cut()
        await self._songs(4)
        await self._until(NOON_S + 1_800)  # the record is saved
        await self._songs(4)
        await self.machine.cut_power()
        journal = self.machine.disk.image()["journal"]
        self._put_back({})
        await self.machine.switch_on()
        self.trouble.all_is_well()
        await self._pause(120)
        await self.machine.cut_power()
        self._put_back(journal)
        await self.machine.switch_on()
        await self._pause(240)
        self.promises.fleet_has_everything()

    async def _songs(self, count: int) -> None:
        for _ in range(count):
            await self.evening.a_song("K1")
            await self._pause(20)
            await self.evening.a_song_ends()

    def _put_back(self, journal: dict[str, bytearray]) -> None:
        self.machine.disk.put_back({"journal": journal})
        self.promises.put_back(False, False)


def test_9_13_what_the_fleet_takes_of_the_longer_one_goes_up() -> None:
    """As far as the next epoch begins behind, and nothing beyond; both are the box's own."""
    world = LongerImage()
    world.run(days=1)
    known = world.fleet.records[world.machine.box].epochs
    end = known[2].entries[0].body["size"]
    assert 11 < end == known[1].position.size
    assert known[1].position.head.hex() == known[2].entries[0].body["head"]
