"""The whole country on one machine: fleet server, boxes on boards, VOD servers; made, started and stopped.

    FOLDER/world.json, ceremony/, fleet/, venues/BOX/, songs.csv, people.toml

Everything that is done here is done through the programs' own command lines; each step looks first whether
it is done already, so that a stage that was interrupted goes on where it was.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hil_tests.bench.country import ACCOUNTS, OPERATOR, PLACES, Officer, people_file
from hil_tests.bench.fleet import FleetServer
from hil_tests.bench.offices import PROVISION, Offices
from hil_tests.bench.program import run
from hil_tests.bench.venue import Place, Venue
from hil_tests.bench.waiting import wait_for
from hil_tests.bench.world import World

CUT_SONG_S = 60
PARTLY_APPLIED = 6  # exit code: the sound rows were taken
Say = Callable[[str], None]


class Stage:
    def __init__(self, folder: Path, *, console_port: int, say: Say, staff: Sequence[Officer] = ACCOUNTS) -> None:
        self.folder = folder
        self.world = World(folder)
        self.say = say
        self.fleet = FleetServer(folder / "fleet", console_port, self.world.offset_ms)
        self.offices = Offices(self.fleet, folder / "ceremony", staff)
        self.songs = folder / "songs.csv"
        self.venues = [self._venue(place) for place in PLACES]

    # -- the fleet

    def open_fleet(self) -> None:
        """Key ceremony, fleet server, people; what is there stays."""
        self.say("key ceremony and fleet server")
        people = self.folder / "people.toml"
        if not people.exists():
            people.write_text(people_file(CUT_SONG_S))
        self.fleet.found()
        self.offices.hold_ceremony(people)
        self.fleet.start()
        self.say(f"console at {self.fleet.url}")
        self.offices.hire()

    def release_catalog(self, catalog: Path, *mapping: str) -> None:
        """Import the song list and release it as the first catalog, unless there is one."""
        if self.offices.operate("catalog", "show")["epoch"]:
            return
        self.say(f"import of {catalog.name} and release of the catalog")
        imported = self.fleet.ask(OPERATOR.person, "catalog", "import", catalog, *mapping, "--output", "json")
        report = json.loads(imported.require(0, PARTLY_APPLIED).out)
        if report["bad"]:
            self.say(f"{report['sound']} of {report['rows']} rows are sound and taken; {report['bad']} are not")
        self.release_again()

    def release_again(self) -> int:
        """Release the songs as they are imported now, as the next epoch; which is returned."""
        keys = [self.offices.ceremony / f"catalog-{number}.pem" for number in (1, 2)]
        return int(self.offices.operate("catalog", "release", "--key", keys[0], "--key", keys[1])["epoch"])

    # -- the venues

    def open_venues(self) -> None:
        """All of them, from nothing or from wherever they were, to in service.

        Boards are started by the main thread (see ``Process``); what factory and installer do, they do side by side.
        """
        for venue in self.venues:
            self.power_up(venue)
        with ThreadPoolExecutor(len(self.venues)) as pool:
            list(pool.map(self._commission, self.venues))

    def _commission(self, venue: Venue) -> None:
        if self.paper(venue, "enrolled") is None:
            self.enrol(venue)
        if self.paper(venue, "venue") is None:
            self.claim(venue)
        if not venue.token():
            self.pair(venue)
        venue.wait_state("in-service", "closed", "locked")

    def power_up(self, venue: Venue) -> None:
        venue.flash()
        venue.put_on_bench(self.world.offset_ms)
        venue.board.aim("broker", self.fleet.broker_target())
        venue.board.aim("fleet", self.fleet.box_target())
        venue.board.power_on()

    def enrol(self, venue: Venue) -> None:
        """The factory's step, once the box serves."""
        venue.wait_serving()
        self.say(f"factory: {venue.place.box}")
        given = ("--box", venue.place.box, "--url", venue.url, "--ceremony", self.offices.ceremony)
        label = venue.folder / "label.json"
        run(
            PROVISION,
            "factory",
            *given,
            *("--fleet", self.fleet.data, "--fleet-url", venue.fleet_url, "--label", label),
            *("--server", self.fleet.url, "--session", self.fleet.session_file(OPERATOR.person)),
        ).require()
        self.note(venue, "enrolled", "yes")

    def claim(self, venue: Venue) -> None:
        """The operator's venue code and voucher, then the installer's step."""
        self.say(f"installer: {venue.place.box} at {venue.place.name}")
        code = self.offices.register(venue.place)
        voucher = venue.folder / "voucher.json"
        if not voucher.exists():
            self.offices.operate("box", "voucher", venue.place.box, code, "--out", voucher)
        run(PROVISION, "claim", "--voucher", voucher, "--url", venue.url).require()
        self.note(venue, "venue", code)

    def pair(self, venue: Venue) -> None:
        """The VOD server's token, for the code on the box's label."""
        label = venue.folder / "label.json"
        token = venue.folder / "token"
        run(PROVISION, "pair", "--url", venue.url, "--label", label, "--vod", "bench", "--out", token).require()

    def code(self, venue: Venue) -> str:
        """The venue's code; raises LookupError before the claim."""
        code = self.paper(venue, "venue")
        if code is None:
            raise LookupError(f"{venue.place.box} stands nowhere yet")
        return code

    def wait_settled(self, venues: Sequence[Venue] | None = None, within_s: float = 120.0) -> None:
        """Wait until the server has acknowledged every entry of these boxes."""
        for venue in venues or self.venues:

            def settled(venue: Venue = venue) -> bool:
                journal = venue.state()["journal"]
                assert isinstance(journal, dict)
                return bool(journal["watermark"] == journal["size"])

            wait_for(f"every entry of {venue.place.box} acknowledged", settled, within_s)

    # -- the end

    def close(self) -> None:
        """Doors first, then boxes, then the fleet; the world is remembered."""
        for venue in self.venues:
            venue.close_doors()
        for venue in self.venues:
            venue.board.stop()
        self.fleet.stop()
        self.world.remember()

    # -- what is on paper

    def paper(self, venue: Venue, name: str) -> str | None:
        path = venue.folder / "venue.json"
        papers: dict[str, str] = json.loads(path.read_bytes()) if path.exists() else {}
        return papers.get(name)

    def note(self, venue: Venue, name: str, value: str) -> None:
        path = venue.folder / "venue.json"
        papers = json.loads(path.read_bytes()) if path.exists() else {}
        path.write_text(json.dumps({**papers, name: value}, indent=2))

    def _venue(self, place: Place) -> Venue:
        return Venue(self.folder / "venues" / place.box, place, self.songs)
