"""The lease: how long the box may serve without the fleet, and the time that comes with it (SPEC 7.1-7.3).

1. What it allows is the ladder (`ladder.py`). No lease: no play. The venue is warned at every rung, and once a day.
2. A lease is taken only if it answers the box's nonce, so an old one tells no time. A nonce lasts until it is
   answered, a new session begins, or NONCE_FOR_MS: who holds a lease back may not set the clock back for long.
3. A new lease is wanted when there is none since boot, or RENEW_AFTER_MS after the last one, and at once after one
   that brought a lost claim back, or where the last one is used up: by plays it may be, within hours.
4. A lease confirms venue and region and changes neither (SPEC 4.2). It neither adds nor ends a hold, and what it says
   of time is believed as far as `clock.py` has witnesses. Its spans count from the time that the box then has.
"""

import hashlib
import struct

from device.core.claim import Claim
from device.core.effects import LookForTargets
from device.core.ladder import CORE, EXPIRED, WARNING, HeldLease, Usage, extended, standing
from device.protocol.envelope import parse_envelope
from device.protocol.errors import ProtocolError, SignatureError
from device.protocol.lease import Lease, accept_extension, accept_lease
from device.protocol.limits import DAY_MS, INSTANT_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.events import ExtensionReceived, LeaseReceived
    from device.core.memory import Memory
    from device.core.turn import Turn

RENEW_AFTER_MS = 6 * 3600 * 1000
NONCE_FOR_MS = 300_000
WARN_EVERY_MS = DAY_MS


class LeaseDesk:
    """The lease the box has, and the nonce with which it asks for the next."""

    def __init__(self) -> None:
        self.held: HeldLease | None = None
        self.usage = Usage()
        self._warned: tuple[str, int] | None = None  # standing and monotonic instant
        self._taken_mono_ms: int | None = None
        self._seed = b""
        self._asked = 0
        self._nonce = ""
        self._nonce_mono_ms = 0

    @property
    def number(self) -> int:
        """The number of the lease; 0 without one."""
        return 0 if self.held is None else self.held.lease

    def begin(self, seed: bytes) -> None:
        """A boot; `seed` is 32 bytes of chance."""
        self._seed = seed

    def renew_nonce(self) -> None:
        """A session begins: what was asked in the last one is void."""
        self._nonce = ""

    def nonce(self, mono_ms: int, rung: str) -> str:
        """The nonce to ask with, on this rung of the ladder; empty if no lease is wanted (rules 2, 3)."""
        is_new = self._taken_mono_ms is not None and mono_ms - self._taken_mono_ms < RENEW_AFTER_MS
        if is_new and rung != EXPIRED:
            return ""
        if not self._nonce or mono_ms - self._nonce_mono_ms >= NONCE_FOR_MS:
            self._asked += 1
            digest = hashlib.sha256(self._seed + struct.pack(">Q", self._asked)).digest()
            self._nonce, self._nonce_mono_ms = digest[:16].hex(), mono_ms
        return self._nonce

    @property
    def asked_nonce(self) -> str:
        """The nonce that was sent last; empty if none is open."""
        return self._nonce

    def take(self, lease: Lease, now_ms: int, mono_ms: int) -> HeldLease:
        """`now_ms`: trusted time with this lease, from which its spans count (rule 4)."""
        later_ms = now_ms - lease.issued_at_ms
        held = HeldLease(
            lease=lease.lease,
            full_until_ms=min(lease.full_until_ms + later_ms, INSTANT_MAX),
            core_from_ms=min(lease.core_from_ms + later_ms, INSTANT_MAX),
            stop_at_ms=min(lease.stop_at_ms + later_ms, INSTANT_MAX),
            powered_s_max=lease.powered_s_max,
            plays_max=lease.plays_max,
            extension=0 if self.held is None else self.held.extension,
            extension_key="" if self.held is None else self.held.extension_key,
        )
        self.held = held
        self.usage.begin(mono_ms)
        self._taken_mono_ms = mono_ms
        self._nonce = ""
        return held

    def want_another(self) -> None:
        """Ask again at once (rule 3)."""
        self._taken_mono_ms = None

    def standing(self, now_ms: int | None, mono_ms: int) -> str:
        """The rung of the ladder at an instant of trusted time."""
        return standing(self.held, self.usage, now_ms, mono_ms)

    @property
    def is_used_up(self) -> bool:
        """Whether it allows no further play."""
        return self.held is not None and self.usage.plays >= self.held.plays_max

    def warning_due(self, rung: str, mono_ms: int) -> bool:
        """Whether the venue is to be told now (rule 1)."""
        if rung not in (WARNING, CORE):
            self._warned = None
            return False
        if self._warned is not None and self._warned[0] == rung and mono_ms - self._warned[1] < WARN_EVERY_MS:
            return False
        self._warned = (rung, mono_ms)
        return True


def follow(turn: "Turn") -> None:
    """At every tick."""
    desk = turn.memory.lease
    if desk.held is not None and desk.warning_due(turn.standing, turn.now.mono_ms):
        turn.push({"type": "lease", "standing": turn.standing} | left_s(desk.held, turn.trusted_ms or 0))


def left_s(held: HeldLease, now_ms: int) -> "dict[str, int]":
    """Seconds until the core catalog only, and until the stop."""
    rungs = (("core_in_s", held.core_from_ms), ("stop_in_s", held.stop_at_ms))
    return {name: max(0, at_ms - now_ms) // 1000 for name, at_ms in rungs}


def lease_received(turn: "Turn", event: "LeaseReceived") -> None:
    """Take a lease, and the time with it; what is not accepted is counted."""
    memory = turn.memory
    try:
        lease, key = _accept(memory, event.raw)
        step = memory.clock.take(lease.issued_at_ms, key, _is_free(turn), turn.now)
    except ProtocolError as error:
        memory.refusals.count(error.code)
        return
    held = memory.lease.take(lease, turn.trusted_ms or 0, turn.now.mono_ms)
    if memory.claim is None:
        # Without a claim no order could be taken, so this lease proves nothing yet (SPEC 6.6).
        memory.claim = Claim(venue=lease.venue, region=lease.region)
        memory.lease.want_another()
    else:
        memory.damage.contacted(turn.now.mono_ms)
    if step is not None:
        turn.append("TIME", {"from_ms": step[0], "to_ms": step[1]})
    _write(turn, held)
    if lease.policy_epoch > memory.content.policy_epoch or lease.catalog_epoch > memory.content.catalog_epoch:
        turn.do(LookForTargets())


def extension_received(turn: "Turn", event: "ExtensionReceived") -> None:
    """The leases of this region last longer; by any courier, and without a nonce: it gives nothing but service."""
    memory = turn.memory
    claim, held, policy = memory.claim, memory.lease.held, memory.content.policy
    if not memory.journal.is_available:
        turn.refuse(event.request, 503, "JOURNAL_UNAVAILABLE")  # nothing of it would be durable
        return
    if claim is None or held is None or policy is None:
        turn.refuse(event.request, 403, "BOX_UNCLAIMED" if claim is None else "LEASE_EXPIRED")
        return
    try:
        last = held.extension_key, held.extension
        found, key = accept_extension(event.raw, policy, memory.verify, claim.region, last)
    except ProtocolError as error:
        memory.refusals.count(error.code)
        turn.refuse(event.request, 422, error.code)
        return
    memory.lease.held = extended(held, found, key, turn.trusted_ms or 0)
    _write(turn, memory.lease.held)
    turn.reply(event.request, 200, body_of(turn) or {})


def body_of(turn: "Turn") -> "dict[str, Any] | None":
    """The lease as the box shows it; None without one."""
    desk, mono_ms = turn.memory.lease, turn.now.mono_ms
    if desk.held is None:
        return None
    used = {"powered_s": desk.usage.powered_ms(mono_ms) // 1000, "plays": desk.usage.plays}
    return {name: getattr(desk.held, name) for name in desk.held.SHOWN} | used | {"standing": turn.standing}


def _write(turn: "Turn", held: HeldLease) -> None:
    names = ("lease", "full_until_ms", "core_from_ms", "stop_at_ms", "extension")
    turn.append("LEASE", {name: getattr(held, name) for name in names})
    turn.save()


def _accept(memory: "Memory", raw: bytes) -> "tuple[Lease, str]":
    """Raises ProtocolError."""
    policy = memory.content.policy
    if policy is None:
        raise SignatureError("SIGNER_UNKNOWN", "no authority policy is loaded")
    place = ("", "") if memory.claim is None else (memory.claim.venue, memory.claim.region)
    if memory.claim is None and memory.damage.is_restricted:
        # SPEC 6.6: the claim was lost with the record; the fleet, which has it, says it again.
        said = Lease.decode(parse_envelope(raw, "lease").payload)
        place = (said.venue, policy.region_now(said.region))
    desk = memory.lease
    last = memory.clock.key, desk.number
    return accept_lease(raw, policy, memory.verify, memory.box, place, desk.asked_nonce, last)


def _is_free(turn: "Turn") -> bool:
    """Whether this lease may set the time anew (`clock.py` rule 4)."""
    memory = turn.memory
    policy = memory.content.policy
    if memory.lease.standing(memory.clock.likely_ms(turn.now), turn.now.mono_ms) == EXPIRED or policy is None:
        return True
    return memory.clock.key not in [key.keyid for key in policy.service_keys("lease")]
