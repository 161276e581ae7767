"""8. A ban reaches all boxes within 2 s and cuts the play that is running."""

import json
import threading
from dataclasses import dataclass

from websockets.sync.client import connect

from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import now_s
from hil_tests.demo.songs import GUEST_SONGS_MIN
from hil_tests.tour.desk import ban_everywhere, journal_of, some_songs

TITLE = "ban"
REACHES_WITHIN_S = 2.0
ROOM = "bench-2"
LISTEN_S = 60.0


@dataclass
class Ear:
    """Listens for the cut of one play at one box; when it came, on the bench's stopwatch."""

    venue: Venue
    play: str
    cut_at_s: float = 0.0
    reason: str = ""

    def listen(self, ready: threading.Barrier) -> None:
        url = self.venue.url.replace("http", "ws", 1) + "/v1/events"
        headers = {"Authorization": f"Bearer {self.venue.token()}"}
        with connect(url, additional_headers=headers, proxy=None) as channel:
            ready.wait()
            ends = now_s() + LISTEN_S
            while now_s() < ends:
                event = json.loads(channel.recv(timeout=LISTEN_S))
                if event["type"] == "cut" and event["play"] == self.play:
                    self.cut_at_s, self.reason = now_s(), event["reason"]
                    return


def prove(stage: Stage) -> str:
    song = some_songs(stage, 1, skip=GUEST_SONGS_MIN - 1)[0]
    ears = []
    for venue in stage.venues:
        laptop = venue.laptop()
        allowed = laptop.play(ROOM, song)
        laptop.close()
        assert allowed.status == 201, f"{venue.place.box}: {allowed}"
        ears.append(Ear(venue, str(allowed.body["play"])))
    ready = threading.Barrier(len(ears) + 1)
    threads = [threading.Thread(target=ear.listen, args=(ready,), daemon=True) for ear in ears]
    for thread in threads:
        thread.start()
    ready.wait(LISTEN_S)
    ordered = ban_everywhere(stage, song)
    for thread in threads:
        thread.join(LISTEN_S)
    for ear in ears:
        assert ear.cut_at_s, f"{ear.venue.place.box}: the running play was not cut"
        assert ear.reason == "ban", f"{ear.venue.place.box}: cut for {ear.reason}"
        ends = [entry.body for entry in journal_of(ear.venue) if entry.kind == "PLAY_END"]
        assert any(end["play"] == ear.play and end["reason"] == "ban" for end in ends), "the cut is not journalled"
        laptop = ear.venue.laptop()
        assert laptop.play(ROOM, song).code == "SONG_BANNED"
        laptop.close()
    slowest_s = max(ear.cut_at_s for ear in ears) - ordered.signed_at_s
    assert slowest_s <= REACHES_WITHIN_S, f"the last box cut {slowest_s:.2f} s after the second signature"
    return f"all {len(ears)} boxes cut the running play, the last {slowest_s:.2f} s after second signature"
