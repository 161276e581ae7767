"""The songs a VOD server offers its guests, and what each room sings next, by seed.

A song list is CSV with a header line and the columns ``song`` and ``duration_s``; ``kind`` (``guest`` if
left out, ``filler``, ``advert``, ``test``) and ``title`` may follow.
"""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SKIPPED_SHARE = 0.2
FILLER_SHARE = 0.06
ADVERT_SHARE = 0.04


@dataclass(frozen=True)
class Song:
    song: str
    duration_s: int
    kind: str = "guest"


@dataclass(frozen=True)
class Choice:
    """One play to come: what, as what, how long it is sung, how it ends if nobody cuts it."""

    song: str
    kind: str
    played_s: int
    reason: str


def read_songs(path: Path) -> list[Song]:
    """Raises ValueError if the list is empty or lacks a column."""
    with path.open(newline="", encoding="utf-8") as file:
        try:
            songs = [
                Song(row["song"], int(row["duration_s"]), row.get("kind") or "guest") for row in csv.DictReader(file)
            ]
        except KeyError as missing:
            raise ValueError(f"{path}: column {missing} is missing; needed are song and duration_s") from None
    if not any(song.kind == "guest" for song in songs):
        raise ValueError(f"{path}: no song for guests in it")
    return songs


class Guests:
    """What the guests of one room choose: seeded, so that a run can be told again."""

    def __init__(self, songs: Sequence[Song], seed: str) -> None:
        self._chance = random.Random(seed)
        self._by_kind = {kind: [song for song in songs if song.kind == kind] for kind in ("guest", "filler", "advert")}

    def choose(self) -> Choice:
        draw = self._chance.random()
        kind = "guest"
        if draw < FILLER_SHARE and self._by_kind["filler"]:
            kind = "filler"
        elif draw > 1 - ADVERT_SHARE and self._by_kind["advert"]:
            kind = "advert"
        song = self._chance.choice(self._by_kind[kind])
        longest = max(song.duration_s, 1)
        if kind == "guest" and self._chance.random() < SKIPPED_SHARE:
            return Choice(song.song, kind, self._chance.randint(1, longest), "skip")
        return Choice(song.song, kind, longest, "end")

    def pause_s(self) -> float:
        """Wall time between two songs of an ordinary pace."""
        return self._chance.uniform(0.05, 0.4)

    def sung_in_s(self, choice: Choice) -> float:
        """Wall time that stands for the song at an ordinary pace: a second or two."""
        return min(2.0, 0.4 + choice.played_s / 200) * self._chance.uniform(0.8, 1.2)
