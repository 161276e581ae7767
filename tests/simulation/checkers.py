"""The promises of the box, stated once, and asked of what left it: answers, pushes, receipts, the disk.

1. No unlisted song starts. No banned song starts once its ban was confirmed by a receipt and not lifted.
2. A venue for which a receipt said `in force` starts nothing until a receipt said otherwise, over any restart.
3. The journal chains without a gap, and every play begins once and ends at most once.
4. No play that was allowed is missing from the disk, and one that was refused is not on it.
5. A restarted twin on the same disk decides as the running box does.
6. The watermark never falls and never passes the journal.
"""

import json

from device.core import effects as do
from device.core import events as on
from device.core.box import Box
from device.core.recovery import recovered
from device.protocol.journal import Entry, first_chain, next_chain
from tests import builders
from tests.box_rig import SONGS, Rig


class Checkers:
    """Looks after every step at what the box has said and written since the last look."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.allowed: set[str] = set()
        self.kinds: dict[str, str] = {}  # kind of every order of this world, by its number
        self.stops: set[str] = set()  # stop orders in force by the last receipt or report
        self.lasted_ms = 0
        self._seen = 0
        self._last_done: list[object] = []
        self._rtc_ms = rig.rtc_ms
        self._checked = 0
        self._chain = first_chain(rig.disk.box, 1)
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._watermark = 0

    def look(self, where: str) -> None:
        self.lasted_ms += max(0, self.rig.rtc_ms - self._rtc_ms)
        self._rtc_ms = self.rig.rtc_ms
        self._read_what_was_said(where)
        self._read_the_disk(where)
        self._ask_a_twin(where)
        watermark = self.rig.box.watermark
        assert watermark <= self.rig.disk.size, where

    def _read_what_was_said(self, where: str) -> None:
        if self.rig.done is not self._last_done:
            # A new start forgets what was said before it; locks are not forgotten.
            self._last_done, self._seen = self.rig.done, 0
        for effect in self.rig.done[self._seen :]:
            if isinstance(effect, do.Send):
                self.stops = {order for order in json.loads(effect.payload)["holds"] if self.kinds[order] == "stop"}
            elif isinstance(effect, do.Reply) and effect.status == 201:
                assert not self.stops, f"{where}: {effect.body} while {self.stops} in force"
                assert effect.body["song"] in SONGS, f"{where}: unlisted {effect.body}"
                self.allowed.add(effect.body["play"])
        self._seen = len(self.rig.done)

    def _read_the_disk(self, where: str) -> None:
        entries = self.rig.disk.entries[1]
        for raw, chain in zip(entries[self._checked :], self.rig.disk.chains[1][self._checked :], strict=True):
            entry = Entry.decode(raw)
            assert entry.seq == self._checked, where
            self._chain = next_chain(self._chain, entry.seq, raw)
            assert chain == self._chain, where
            self._checked += 1
            if entry.kind == "PLAY_START":
                self._begun.add(f"1-{entry.seq}")
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
        if rig.state == "failed":
            return
        twin = Rig(in_service=False)
        twin.disk.state, twin.disk.counter = rig.disk.state, rig.disk.counter
        twin.mono_ms, twin.rtc_ms = 1_000, rig.rtc_ms
        twin.box = Box(rig.disk.box, builders.fake_verify, rig.songs.get, rig.disk.head_at)
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
