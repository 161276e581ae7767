"""The VOD server's own count: one line a fact, appended and synced before the next step.

Facts: ``allowed`` (the box's 201), ``refused`` (its 403), ``ending`` (what will be said at the end, so that
a retry after a crash says the same), ``ended`` (the box's answer, counted or not), ``cut`` and ``countdown``
(events of the box), ``reopened`` (its answer when the venue confirmed that a suspension is over). What the box
did not acknowledge is no fact. A torn last line, left by a kill, is no fact either.
"""

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Fact = dict[str, Any]
Count = Counter[tuple[str, str]]  # (room, song)


@dataclass
class Tally:
    """What the facts add up to."""

    plays: dict[str, Fact] = field(default_factory=dict)  # allowed, by play id
    endings: dict[str, Fact] = field(default_factory=dict)  # intended, by play id
    ended: dict[str, Fact] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)  # by code
    cuts: Counter[str] = field(default_factory=Counter)  # by reason
    counting: dict[str, int] = field(default_factory=dict)  # seconds that rooms were told, by play id
    countdowns: Counter[str] = field(default_factory=Counter)  # by reason, as often as the box said one
    reopened: Counter[str] = field(default_factory=Counter)  # by what the box said

    def add(self, fact: Fact) -> None:
        match fact["fact"]:
            case "allowed":
                self.plays[fact["play"]] = fact
            case "ending":
                self.endings[fact["play"]] = fact
            case "ended":
                self.ended[fact["play"]] = fact
                self.counting.pop(fact["play"], None)
            case "countdown":
                self._count_down(fact)
            case "refused":
                self.refused[fact["code"]] += 1
            case "cut":
                self.cuts[fact["reason"]] += 1
            case "reopened":
                self.reopened[fact["answer"]] += 1

    def _count_down(self, fact: Fact) -> None:
        if fact["ends_in_s"] is None:
            self.counting.pop(fact["play"], None)
        else:
            self.counting[fact["play"]] = fact["ends_in_s"]
            self.countdowns[fact["reason"]] += 1

    def counted(self) -> Count:
        """Counted plays by room and song: what the ledger must hold, exactly."""
        plays = (self.plays[play] for play, end in self.ended.items() if end["counted"])
        return Counter((play["room"], play["song"]) for play in plays)

    def unended(self) -> list[Fact]:
        """Plays that the box allowed and whose end it has not acknowledged."""
        return [fact for play, fact in self.plays.items() if play not in self.ended]


def read_tally(path: Path) -> Tally:
    tally = Tally()
    for fact in _facts(path):
        tally.add(fact)
    return tally


class TallyFile:
    """The writer: one process at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.tally = read_tally(path)
        self._file = path.open("ab")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def note(self, fact: str, **fields: object) -> None:
        """Durable on return."""
        line: Fact = {"fact": fact, **fields}
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fdatasync(self._file.fileno())
        self.tally.add(line)


def _facts(path: Path) -> list[Fact]:
    facts = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            facts.append(json.loads(line))
        except ValueError:
            continue
    return facts
