"""What stands in an evidence, counted by ourselves: rights-holders are paid by it (SPEC 9.1, 9.4, 16.2).

Rules:

1. A play counts if it is `guest` and was played for `cut_song_s` of the policy at its start, whatever its end says of
   itself. Where the policy of that epoch is at hand, `cut_song_s` is the one that it has.
2. A play counts once, with its first end. Its id is the place of its start: of the room, song and kind that its end
   names, wherever that place is among these entries. A place that is not among them cannot be looked at.
3. An end that says `counted` otherwise is named. The entry is the box's all the same, and so stands.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from device.protocol.journal import Entry
from device.protocol.policy import AuthorityPolicy

_PLAY = re.compile(r"([1-9][0-9]*)-(0|[1-9][0-9]*)", re.ASCII)
_Kind = tuple[Any, Any, Any]


@dataclass
class Counts:
    """What was verified.

    counted: plays, by rules 1 and 2. misstated: sequence numbers of the ends that say otherwise.
    """

    policy: AuthorityPolicy
    entries: int = 0
    checkpoints: int = 0
    acks: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    counted: int = 0
    misstated: list[int] = field(default_factory=list)
    _at: dict[int, _Kind | None] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        """The next entry."""
        self.entries += 1
        self.kinds[entry.kind] += 1
        body = entry.body
        self._at[entry.seq] = _kind_of(body) if entry.kind == "PLAY_START" else None
        if entry.kind == "PLAY_END":
            is_counted = self._is_counted(entry)
            self.counted += is_counted
            if body["counted"] != is_counted:
                self.misstated.append(entry.seq)

    def _is_counted(self, entry: Entry) -> bool:
        body = entry.body
        if body["play"] in self._ended or not self._is_of_a_start(entry):
            return False
        self._ended.add(body["play"])
        is_of_policy = body["policy_epoch"] == self.policy.epoch
        if is_of_policy and body["cut_song_s"] != self.policy.rules.cut_song_s:
            return False
        return bool(body["kind"] == "guest" and body["played_s"] >= body["cut_song_s"])

    def _is_of_a_start(self, entry: Entry) -> bool:
        """Rule 2, as far as the place of the start is at hand."""
        found = _PLAY.fullmatch(entry.body["play"])
        if found is None or int(found[1]) > entry.epoch:
            return False
        epoch, seq = int(found[1]), int(found[2])
        if epoch < entry.epoch:
            return True
        if seq >= entry.seq:
            return False
        return self._at.get(seq, _kind_of(entry.body)) == _kind_of(entry.body)


def _kind_of(body: dict[str, Any]) -> _Kind:
    return body["room"], body["song"], body["kind"]
