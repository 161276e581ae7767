"""The VOD simulator: its own count survives kills, its choices follow the seed, its frames are the box's."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from device.protocol import serial_frame
from hil_tests.demo.songs import SongList, write_catalog
from hil_tests.vod.lan import Answer
from hil_tests.vod.serial import frame, take_frames
from hil_tests.vod.server import VodServer
from hil_tests.vod.songbook import Guests, Song, read_songs
from hil_tests.vod.tally import TallyFile, read_tally

SONGS = [Song("S1", 200), Song("S2", 240), Song("F1", 30, "filler"), Song("A1", 15, "advert")]


def test_the_count_holds_what_the_box_acknowledged_and_nothing_else(tmp_path: Path) -> None:
    with TallyFile(tmp_path / "tally.jsonl") as tally:
        for play, counted in (("1-1", True), ("1-3", True), ("1-5", False)):
            tally.note("allowed", play=play, room="01", song="S1", kind="guest")
            tally.note("ended", play=play, counted=counted, played_s=200)
        tally.note("allowed", play="1-7", room="01", song="S1", kind="guest")
        tally.note("ending", play="1-7", played_s=200, reason="end")
        tally.note("refused", room="02", song="S2", kind="guest", code="SONG_BANNED")
    assert read_tally(tmp_path / "tally.jsonl").counted() == {("01", "S1"): 2}
    assert [fact["play"] for fact in read_tally(tmp_path / "tally.jsonl").unended()] == ["1-7"]


def test_a_countdown_stands_until_it_is_taken_back_or_the_song_ends(tmp_path: Path) -> None:
    with TallyFile(tmp_path / "tally.jsonl") as tally:
        for play, ends_in_s in (("1-1", 30), ("1-3", 600), ("1-5", 30), ("1-3", 60), ("1-1", None)):
            tally.note("countdown", play=play, reason="lock", ends_in_s=ends_in_s)
        tally.note("ended", play="1-5", counted=False, played_s=20)
    assert read_tally(tmp_path / "tally.jsonl").counting == {"1-3": 60}


class ReadyBox:
    """A box that says that a suspension is over, and refuses until it is told."""

    def __init__(self) -> None:
        self.reopened = self.refused = 0
        self.seen_enough = asyncio.Event()  # a song that was sung, or a guest who was refused again

    async def play(self, room: str, _song: str, _kind: str) -> Answer:
        if self.reopened:
            return Answer(201, {"play": f"1-{room}"})
        self.refused += 1
        if self.refused == 2:
            self.seen_enough.set()
        return Answer(403, {"code": "VENUE_READY"})

    async def end(self, _play: str, _played_s: int, _reason: str) -> Answer:
        self.seen_enough.set()
        return Answer(200, {"counted": True})

    async def reopen(self) -> Answer:
        self.reopened += 1
        return Answer(200, {"state": "in-service"})

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        yield {"type": "countdown", "room": "01", "play": "1-9", "reason": "lock", "ends_in_s": 9}
        yield {"type": "state", "state": "ready"}
        await asyncio.Event().wait()


@pytest.mark.parametrize("confirms", [True, False])
async def test_only_the_owner_confirms_that_the_venue_opens_again(tmp_path: Path, confirms: bool) -> None:
    box = ReadyBox()
    with TallyFile(tmp_path / "tally.jsonl") as tally:
        server = VodServer(box, tally, SONGS, "1", 1_000_000.0, confirms=confirms)
        listening = asyncio.create_task(server.run(["01"], None))
        await box.seen_enough.wait()
        server.close()
        await listening
    assert box.reopened == (1 if confirms else 0)
    assert tally.tally.reopened == ({"in-service": 1} if confirms else {})
    assert tally.tally.countdowns == {"lock": 1}
    assert read_tally(tmp_path / "tally.jsonl").reopened == tally.tally.reopened


def test_a_line_that_a_kill_tore_is_no_fact(tmp_path: Path) -> None:
    path = tmp_path / "tally.jsonl"
    with TallyFile(path) as tally:
        tally.note("allowed", play="1-1", room="01", song="S1", kind="guest")
    with path.open("ab") as file:
        file.write(b'{"fact": "ended", "play": "1-')
    with TallyFile(path) as tally:
        tally.note("ended", play="1-1", counted=True, played_s=200)
    assert read_tally(path).counted() == {("01", "S1"): 1}


def test_the_same_seed_chooses_the_same_evening() -> None:
    first, second, other = (Guests(SONGS, seed) for seed in ("7", "7", "8"))
    evening = [first.choose() for _ in range(50)]
    assert evening == [second.choose() for _ in range(50)]
    assert evening != [other.choose() for _ in range(50)]
    assert {choice.kind for choice in evening} == {"guest", "filler", "advert"}
    assert {choice.reason for choice in evening} == {"end", "skip"}


def test_our_frames_and_the_boxs_are_the_same() -> None:
    payload = json.dumps({"id": 1, "op": "state"}).encode()
    assert frame(payload) == serial_frame.frame(payload)
    noisy = b"\x00\xfb" + frame(b"first") + b"noise" + frame(payload)[:-1]
    assert take_frames(noisy) == ([b"first"], frame(payload)[:-1])


def test_a_broken_frame_costs_itself_alone() -> None:
    broken = bytearray(frame(b"first"))
    broken[-1] ^= 1
    assert take_frames(bytes(broken) + frame(b"second"))[0] == [b"second"]


def test_the_demo_makes_a_few_thousand_songs_of_every_kind(tmp_path: Path) -> None:
    write_catalog(tmp_path / "catalog.csv")
    catalog = SongList(tmp_path / "catalog.csv")
    catalog.write_for_vod(tmp_path / "songs.csv")
    songs = read_songs(tmp_path / "songs.csv")
    assert len(songs) > 2000
    assert {song.kind for song in songs} == {"guest", "filler", "advert"}
    assert catalog.mapping() == ("--accept-sound",)


def test_a_publishers_list_is_read_with_its_own_columns(tmp_path: Path) -> None:
    rows = "".join(f'{song};"A; B";"C";2018;English\n' for song in ("56442", "56443", "56444"))
    (tmp_path / "titles.csv").write_text("Id;Title;Artist;Year;Languages\n" + rows)
    catalog = SongList(tmp_path / "titles.csv")
    catalog.write_for_vod(tmp_path / "songs.csv")
    assert [song.song for song in read_songs(tmp_path / "songs.csv")] == ["56442", "56443", "56444"]
    assert catalog.mapping()[-2:] == (";", "--accept-sound")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"title,artist\nA,B\n", "titles.csv begins with 'title,artist'; its first line has to name"),
        ("编号,歌名\n1,月亮\n".encode("gb18030"), "titles.csv is not in UTF-8"),
        (b"", "begins with ''"),
        (b"song,title\n1,A\n2,B\n", "has 2 songs for guests; the demo needs 3"),
    ],
)
def test_a_file_that_is_no_song_list_is_said_in_a_sentence(tmp_path: Path, raw: bytes, said: str) -> None:
    (tmp_path / "titles.csv").write_bytes(raw)
    with pytest.raises(ValueError, match=re.escape(said)):
        SongList(tmp_path / "titles.csv").write_for_vod(tmp_path / "songs.csv")


def test_a_list_without_songs_says_so(tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("song,duration_s\n")
    with pytest.raises(ValueError, match="no song for guests"):
        read_songs(tmp_path / "songs.csv")
