"""The promises of the box, stated once, and asked of what left it: answers, pushes, receipts, the disk.

1. No unlisted song starts. No banned song starts once its ban was confirmed by a receipt and not lifted.
2. A venue for which a receipt said `in force` starts nothing until a receipt said otherwise, and no restart ends
   what was said.
3. The journal chains without a gap, and every play begins once and ends at most once.
4. No play that was allowed is missing from the disk, and one that was refused is not on it.
5. A restarted twin on the same disk decides as the running box does.
6. The watermark never passes the journal, and an honest restart never restricts the box.
"""

import json

from device.core import effects as do
from device.core import events as on
from device.core.box import Box
from device.core.recovery import recovered
from device.protocol.journal import Entry, first_chain, next_chain
from tests import builders
from tests.box_rig import SONGS, Rig
from tests.builders import NOON_MS


class Checkers:
    """Looks after every step at what the box has said and written since the last look."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.allowed: set[str] = set()
        self.kinds: dict[str, str] = {}  # kind of every order of this world, by its number
        self.songs: dict[str, str] = {}  # the song that a ban of this world names, by its number
        self.bans: set[str] = set()  # songs banned by the last receipt or report
        self.stops: set[str] = set()  # stop orders in force by the last receipt or report
        self.lasted_ms = 0
        self.ends_at_ms: dict[str, int] = {}  # of holds that end by themselves
        self._said: tuple[set[str], int] = (set(), 0)  # holds last said to be in force, journal size then
        self._looks = 0
        self._seen = 0
        self._last_done: list[object] = []
        self._rtc_ms = rig.rtc_ms
        self._checked = 0
        self._chain = first_chain(rig.disk.box, 1)
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def look(self, where: str) -> None:
        self.lasted_ms += max(0, self.rig.rtc_ms - self._rtc_ms)
        self._rtc_ms = self.rig.rtc_ms
        has_restarted = self.rig.done is not self._last_done
        self._read_what_was_said(where)
        self._read_the_disk(where, has_restarted)
        self._compare_with_what_was_said(where)
        self._looks += 1
        if has_restarted or self._looks % 5 == 0:
            self._ask_a_twin(where)
        assert self.rig.state != "failed", where
        assert self.rig.box.watermark <= self.rig.disk.size, where

    def _read_what_was_said(self, where: str) -> None:
        if self.rig.done is not self._last_done:
            self._last_done, self._seen = self.rig.done, 0
        for effect in self.rig.done[self._seen :]:
            if isinstance(effect, do.Send):
                said = json.loads(effect.payload)
                holds = set(said["holds"])
                self._said = (holds, said["seq"] + 1 if effect.kind == "receipt" else said["journal"]["size"])
                self._take(holds)
            elif isinstance(effect, do.Reply) and effect.status == 201:
                stops = {order for order in self.stops if not self._is_over(order)}
                assert not stops, f"{where}: {effect.body} while {stops} in force"
                assert effect.body["song"] in SONGS, f"{where}: unlisted {effect.body}"
                assert effect.body["song"] not in self.bans, f"{where}: banned {effect.body}"
                self.allowed.add(effect.body["play"])
        self._seen = len(self.rig.done)

    def _compare_with_what_was_said(self, where: str) -> None:
        """Rule 2: only an order that is on the disk, or time, may have ended what was said to be in force."""
        holds, size = self._said
        entries = [json.loads(raw) for raw in self.rig.disk.entries[1][size:]]
        may_have_ended = any(entry["kind"] == "ORDER" and entry["body"]["ends"] for entry in entries)
        found = {hold["order"] for hold in self.rig.box.state_body(self.rig.now)["holds"]}
        stand = {order for order in holds if not self._is_over(order)}
        assert may_have_ended or found >= stand, f"{where}: {stand - found} was in force"
        self._take(found)

    def _take(self, holds: set[str]) -> None:
        self.stops = {order for order in holds if self.kinds[order] == "stop"}
        self.bans = {self.songs[order] for order in holds if self.kinds[order] == "ban"}

    def _is_over(self, order: str) -> bool:
        now_ms = NOON_MS + self.lasted_ms
        return self.ends_at_ms.get(order, now_ms + 1) <= now_ms

    def _read_the_disk(self, where: str, has_restarted: bool) -> None:
        entries = self.rig.disk.entries[1]
        for raw, chain in zip(entries[self._checked :], self.rig.disk.chains[1][self._checked :], strict=True):
            entry = Entry.decode(raw)
            assert entry.seq == self._checked, where
            self._chain = next_chain(self._chain, entry.seq, raw)
            assert chain == self._chain, where
            self._checked += 1
            if entry.kind == "PLAY_START":
                self._begun.add(f"1-{entry.seq}")
                # With the power the answer may have gone, so that nobody knows of this play.
                assert has_restarted or f"1-{entry.seq}" in self.allowed, f"{where}: written and refused"
            elif entry.kind == "PLAY_END":
                play = entry.body["play"]
                assert play in self._begun, f"{where}: {play} ends and never began"
                assert play not in self._ended, f"{where}: {play} ends twice"
                self._ended.add(play)
        assert list(self.rig.disk.entries) == [1], where
        missing = self.allowed - self._begun
        assert not missing, f"{where}: {missing} allowed and not on the disk"

    def _ask_a_twin(self, where: str) -> None:
        """Rule 5: nothing that matters lives in memory alone."""
        rig = self.rig
        twin = Rig(in_service=False)
        twin.disk.state, twin.disk.counter = rig.disk.state, rig.disk.counter
        twin.mono_ms, twin.rtc_ms = 1_000, rig.rtc_ms
        twin.box = Box(rig.disk.box, builders.fake_verify, rig.songs.get, rig.disk.head_at, rig.find_by_file)
        found = recovered(rig.disk.all_entries())
        started = on.Started(
            version=rig.version,
            slot=rig.slot,
            clean=False,
            torn_bytes=0,
            torn_sha256="",
            counter=rig.disk.counter,
            seed=b"twin" * 8,
            journal_epoch=1,
            journal_first=0,
            journal_size=rig.disk.size,
            journal_head=rig.disk.head,
            last_at_ms=found.last_at_ms,
            last_boot=found.last_boot,
            open_plays=found.open_plays,
            ended_plays=found.ended_plays,
            state=rig.disk.state,
        )
        twin.box.handle(started, twin.now)
        mine, other = rig.box.state_body(rig.now), twin.box.state_body(twin.now)
        assert other["holds"] == mine["holds"], where
        assert (other["venue"], other["policy_epoch"]) == (mine["venue"], mine["policy_epoch"]), where
