"""The whole decision whether a song may start: our box, casbin."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import casbin

from bench import songs
from bench.row import Bench, Row, Run, times_cheaper
from bench.sides import Figures, interleaved
from device.core.events import Now
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from tests.box_rig import Rig
from tests.builders import BoardSecret

POLICIES_COUNT = 100
DECISIONS_COUNT = 100_000
DECISIONS_PER_MS = 100  # the clock goes on; what the box's own checks say is asked anew every millisecond
ROOM = "K12"

SAYS = (
    "from room and song to allowed or the code of the refusal. Ours looks the song up among 1,000,000 and asks damage, "
    "claim, journal, holds, lease, hours, bans and room, nothing journalled; casbin (RBAC model without roles, "
    f"{POLICIES_COUNT} policies, one of which fits) knows no time, no catalog and no holds. Microseconds of CPU"
)

_MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
"""


class Ours:
    """A box in service with the catalog of 1,000,000."""

    def __init__(self, folder: Path, _data: Path, _quick: bool) -> None:
        catalog = CatalogFile(Folder(songs.installed(folder)), BoardSecret())
        catalog.load()
        self._wanted = songs.queries()[:DECISIONS_COUNT]
        self._rig = Rig()
        self._rig.box._memory.find_song = catalog.find
        self.measure()

    def measure(self) -> Figures:
        may_play, began = self._rig.box.may_play, self._rig.now
        cpu_s = time.thread_time()
        for start in range(0, len(self._wanted), DECISIONS_PER_MS):
            passed_ms = start // DECISIONS_PER_MS
            now = Now(mono_ms=began.mono_ms + passed_ms, rtc_ms=began.rtc_ms + passed_ms)
            for song in self._wanted[start : start + DECISIONS_PER_MS]:
                may_play(ROOM, song, "", now)
        return {"us": (time.thread_time() - cpu_s) / len(self._wanted) * 1e6}


class Casbin:
    """An enforcer with the policies in memory."""

    def __init__(self, _folder: Path, _data: Path, quick: bool) -> None:
        logging.disable()
        model = casbin.Model()
        model.load_model_from_text(_MODEL)
        self._enforcer = casbin.Enforcer(model)
        for number in range(POLICIES_COUNT):
            self._enforcer.add_policy(ROOM, songs.song_id(number), "play")
        self._decisions_count = 500 if quick else 3_000
        self.measure()

    def measure(self) -> Figures:
        enforce, wanted = self._enforcer.enforce, [songs.song_id(number) for number in range(POLICIES_COUNT)]
        cpu_s = time.thread_time()
        for number in range(self._decisions_count):
            enforce(ROOM, wanted[number % POLICIES_COUNT], "play")
        return {"us": (time.thread_time() - cpu_s) / self._decisions_count * 1e6}


def measure(run: Run) -> Sequence[Row]:
    songs.laid_out(run)
    got = interleaved({"ours": "bench.decision:Ours", "casbin": "bench.decision:Casbin"}, run)
    name = f"casbin, {POLICIES_COUNT} policies"
    return [times_cheaper("decision", got["ours"]["us"], got["casbin"]["us"], name, "us", 50)]


BENCH = Bench("decision", SAYS, measure)
