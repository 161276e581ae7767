"""A box on a disk of memory: performs effects as the runtime does, and can lose power after any of them.

    rig = Rig()                        # started, claimed, leased, with a catalog of three songs, at noon
    rig.play("K1").status              # 201
    rig.lose_power()                   # what was performed is on disk, the rest never was
    rig.start()

Runs on MicroPython as well. What a test asserts about are bytes on the disk, answers and what was sent.
"""

import hashlib
import json

from device.core import effects as do
from device.core import events as on
from device.core.box import Box
from device.core.recovery import recovered
from device.protocol.journal import first_chain
from tests import builders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.effects import Effect
    from device.core.events import Event
    from device.protocol.catalog import SongRecord

SONGS = ("000482", "000483", "000484")


class PowerLostError(Exception):
    """The power went before this effect was performed."""


class Disk:
    """What survives: the journal by epoch, the state record, the counter and the orderly mark."""

    def __init__(self, box: str) -> None:
        self.box = box
        self.entries: dict[int, list[bytes]] = {}
        self.chains: dict[int, list[bytes]] = {}
        self.state: bytes | None = None
        self.counter = 0
        self.seal_latch = False
        self.clean = False
        self.boot = 0

    @property
    def epoch(self) -> int:
        return max(self.entries) if self.entries else 1

    @property
    def size(self) -> int:
        return len(self.entries.get(self.epoch, []))

    @property
    def head(self) -> bytes:
        return self.chains[self.epoch][-1] if self.size else first_chain(self.box, 1)

    def append(self, entry: do.Append) -> None:
        entries = self.entries.setdefault(entry.epoch, [])
        assert entry.seq == len(entries), f"entry {entry.seq} behind {len(entries)}"
        entries.append(entry.entry)
        self.chains.setdefault(entry.epoch, []).append(entry.chain)

    def head_at(self, epoch: int, size: int) -> bytes | None:
        chains = self.chains.get(epoch, [])
        return chains[size - 1] if 1 <= size <= len(chains) else None

    def all_entries(self) -> "list[bytes]":
        return [raw for epoch in sorted(self.entries) for raw in self.entries[epoch]]


class Rig:
    """One box, its disk, and everything that it answered, sent, pushed and showed."""

    def __init__(self, at_ms: int = builders.NOON_MS, in_service: bool = True) -> None:
        self.disk = Disk(builders.BOX)
        self.songs: dict[str, SongRecord] = {name: builders.song(name) for name in SONGS}
        self.policy = builders.policy()
        self.version, self.slot = "1.0.0", "a"
        self.security_epoch = 1
        self.mono_ms = 1_000
        self.rtc_ms = at_ms
        self.power_left: int | None = None  # effects until the power goes
        self.journal_works = True
        self.fail_before: type | None = None  # the first effect of this type, and what stands behind it, fails once
        self.leases = 0
        self._requests = 0
        self.done: list[Effect] = []
        self.effects: list[Effect] = []
        self.answers: dict[str, do.Reply | do.ReplySigned] = {}
        self.report: dict[str, Any] = {}
        self.start()
        if in_service:
            self.bring_into_service()

    def find_by_file(self, key: bytes) -> "SongRecord | None":
        """As the catalog does."""
        found = [song for song in self.songs.values() if song.file_key == key]
        return found[0] if found else None

    def is_free(self, song: str) -> bool:
        """As the catalog does."""
        return song in self.songs and not self.songs[song].is_limited

    @property
    def now(self) -> on.Now:
        return on.Now(mono_ms=self.mono_ms, rtc_ms=self.rtc_ms)

    def start(self, **changes: "Any") -> "list[Effect]":
        """Power comes back."""
        self._forget()
        self.box = Box(
            self.disk.box, builders.fake_verify, self.songs.get, self.disk.head_at, self.find_by_file, self.is_free
        )
        self.disk.boot += 1
        found = recovered(self.disk.all_entries())
        facts: dict[str, Any] = {
            "version": self.version,
            "security_epoch": self.security_epoch,
            "slot": self.slot,
            "clean": self.disk.clean,
            "torn_bytes": 0,
            "torn_sha256": "",
            "counter": self.disk.counter,
            "seed": hashlib.sha256(b"seed %d" % self.disk.boot).digest(),
            "journal_epoch": self.disk.epoch,
            "journal_first": 0,
            "journal_size": self.disk.size,
            "journal_head": self.disk.head,
            "journal_damaged_at": None,
            "last_at_ms": found.last_at_ms,
            "last_boot": found.last_boot,
            "open_plays": found.open_plays,
            "ended_plays": found.ended_plays,
            "state": self.disk.state,
        }
        facts.update(changes)
        self.disk.clean = False
        return self.give(on.Started(**facts))

    def bring_into_service(self) -> None:
        """Policy, catalog, claim, session, lease."""
        self.load_content()
        self.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
        self.give(on.Connected())
        self.grant_lease()

    def load_content(self) -> None:
        self.give(on.PolicyLoaded(raw=self.policy.encode()))
        self.give(on.CatalogLoaded(epoch=1, entries=len(self.songs)))

    def grant_lease(self, **changes: "Any") -> None:
        """Answer the nonce of the last report."""
        self.leases += 1
        fields = {"lease": self.leases, "nonce": self.report["nonce"], "issued_at_ms": self.rtc_ms}
        fields.update(changes)
        self.give(on.LeaseReceived(raw=builders.lease_envelope(**fields)))

    def lose_power(self) -> None:
        """What was not on the disk is gone; the monotonic clock begins anew."""
        self.mono_ms = 1_000
        self.power_left = None

    def restart(self) -> None:
        self.lose_power()
        self.start()
        self.load_content()

    def give(self, event: "Event") -> "list[Effect]":
        """One event; its effects are performed in order. Raises PowerLostError."""
        effects = self.box.handle(event, self.now)
        self.effects = effects
        failed: list[str] | None = None
        for effect in effects:
            if self.power_left is not None:
                if self.power_left == 0:
                    raise PowerLostError
                self.power_left -= 1
            if failed is None and self._fails(effect):
                failed = []
            if failed is None or isinstance(effect, (do.Push, do.Show)):
                self._perform(effect)
            elif isinstance(effect, (do.Reply, do.ReplySigned)):
                failed.append(effect.request)
        if failed is not None:
            return effects + self.give(on.JournalFailed(reason="full", requests=failed))
        return effects

    def _fails(self, effect: "Effect") -> bool:
        if self.fail_before is not None and isinstance(effect, self.fail_before):
            return True
        return isinstance(effect, (do.Append, do.SaveState)) and not self.journal_works

    def _perform(self, effect: "Effect") -> None:
        self.done.append(effect)
        if isinstance(effect, do.Append):
            self.disk.append(effect)
            self.box.kept(effect)
        elif isinstance(effect, do.SaveState):
            self.disk.state = effect.raw
            self.box.kept(effect)
        elif isinstance(effect, do.TickCounter):
            self.disk.counter += 1
        elif isinstance(effect, do.ReleaseSealLatch):
            self.disk.seal_latch = False
        elif isinstance(effect, (do.Reply, do.ReplySigned)):
            self.answers[effect.request] = effect
        elif isinstance(effect, do.CloseDown):
            self.disk.clean = True
        elif isinstance(effect, do.Send) and effect.kind == "report":
            self.report = json.loads(effect.payload)

    def _forget(self) -> None:
        self.done, self.effects = [], []
        self.answers, self.report = {}, {}

    # What people and machines do.

    def request(self) -> str:
        self._requests += 1
        return f"r{self._requests}"

    def answer(self, request: str) -> "do.Reply | do.ReplySigned":
        return self.answers[request]

    def play(self, room: str = "K1", song: str = "000482", kind: str = "guest", file: str = "") -> "do.Reply":
        request = self.request()
        self.give(on.PlayRequested(request=request, room=room, song=song, kind=kind, file=file))
        return self._reply(request)

    def end(self, play: str, played_s: int = 200, reason: str = "end") -> "do.Reply":
        request = self.request()
        self.give(on.PlayEnded(request=request, play=play, played_s=played_s, reason=reason))
        return self._reply(request)

    def order(self, raw: bytes) -> "do.Reply | do.ReplySigned":
        """An order by a courier at the box."""
        request = self.request()
        self.give(on.OrderReceived(request=request, raw=raw))
        return self.answer(request)

    def receipt_of(self, raw: bytes) -> "dict[str, Any]":
        """An order by MQTT, and its receipt."""
        self.give(on.OrderReceived(request="", raw=raw))
        return self.last_receipt

    def notice(self, raw: bytes) -> "dict[str, Any]":
        """A notice by MQTT, and its receipt."""
        self.give(on.NoticeReceived(request="", raw=raw))
        return self.last_receipt

    def seal(self, is_open: bool, at_boot: bool = False) -> None:
        """The loop through the seal is opened or closed, or found so at a start."""
        self.disk.seal_latch = self.disk.seal_latch or is_open
        self.give(on.SealChanged(is_open=is_open, was_opened=self.disk.seal_latch, at_boot=at_boot))

    def recover_journal(self, damaged_at: "int | None" = None) -> None:
        """The disk works again; what is on it stays."""
        epoch, size, head = self.disk.epoch, self.disk.size, self.disk.head
        counter = self.disk.counter
        self.give(on.JournalRecovered(epoch=epoch, size=size, head=head, counter=counter, damaged_at=damaged_at))

    def reopen(self) -> "do.Reply":
        """The venue confirms."""
        request = self.request()
        self.give(on.ReopenRequested(request=request))
        return self._reply(request)

    def wait(self, seconds: int, tick_s: int = 1) -> None:
        """Time passes, on both clocks."""
        left = seconds
        while left > 0:
            step = min(tick_s, left)
            self.mono_ms += step * 1000
            self.rtc_ms += step * 1000
            left -= step
            self.give(on.Tick())

    def _reply(self, request: str) -> "do.Reply":
        reply = self.answer(request)
        assert isinstance(reply, do.Reply)
        return reply

    # What can be seen from outside.

    def sent(self, kind: str) -> "list[bytes]":
        return [effect.payload for effect in self.done if isinstance(effect, do.Send) and effect.kind == kind]

    @property
    def last_receipt(self) -> "dict[str, Any]":
        found: dict[str, Any] = json.loads(self.sent("receipt")[-1])
        return found

    def pushed(self, kind: str) -> "list[dict[str, Any]]":
        return [effect.event for effect in self.done if isinstance(effect, do.Push) and effect.event["type"] == kind]

    def entries(self, *kinds: str) -> "list[dict[str, Any]]":
        """Entries on the disk, of these kinds or of all."""
        found = [json.loads(raw) for raw in self.disk.all_entries()]
        return [entry for entry in found if not kinds or entry["kind"] in kinds]

    def bodies(self, *kinds: str) -> "list[dict[str, Any]]":
        return [entry["body"] for entry in self.entries(*kinds)]

    @property
    def state(self) -> str:
        return str(self.box.state_body(self.now)["state"])
