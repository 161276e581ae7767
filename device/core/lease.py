"""The lease: how long the box may serve without the fleet, and the time that comes with it (SPEC 7.1-7.3).

1. Until `full_until_ms` full service, then warning until `stop_at_ms`, then no play starts. No lease: no play.
2. A lease is taken only if it answers the box's nonce, so an old one tells no time. A nonce lasts until it is
   answered, a new session begins, or NONCE_FOR_MS: who holds a lease back may not set the clock back for long.
3. A new lease is wanted when there is none since boot, or RENEW_AFTER_MS after the last one.
4. A lease confirms venue and region and changes neither (SPEC 4.2). It neither adds nor ends a hold, and what it says
   of time is believed as far as `clock.py` has witnesses. Its spans count from the time that the box then has.
"""

import hashlib
import struct

from device.core.claim import Claim
from device.core.effects import LookForTargets
from device.core.facts import Fact
from device.protocol.envelope import parse_envelope
from device.protocol.errors import ProtocolError, SignatureError
from device.protocol.lease import Lease, accept_lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import LeaseReceived
    from device.core.memory import Memory
    from device.core.turn import Turn

FULL, WARNING, EXPIRED = "full", "warning", "expired"

RENEW_AFTER_MS = 6 * 3600 * 1000
NONCE_FOR_MS = 300_000


class HeldLease(Fact):
    """What stays of an accepted lease."""

    lease: int
    full_until_ms: int
    stop_at_ms: int
    FIELDS = ("lease", "full_until_ms", "stop_at_ms")


class LeaseDesk:
    """The lease the box has, and the nonce with which it asks for the next."""

    def __init__(self) -> None:
        self.held: HeldLease | None = None
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

    def nonce(self, mono_ms: int) -> str:
        """The nonce to ask with; empty if no lease is wanted (rules 2, 3)."""
        if self._taken_mono_ms is not None and mono_ms - self._taken_mono_ms < RENEW_AFTER_MS:
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

    def take(self, lease: Lease, now_ms: int, mono_ms: int) -> None:
        """`now_ms`: trusted time with this lease, from which its spans count (rule 4)."""
        later_ms = now_ms - lease.issued_at_ms
        self.held = HeldLease(
            lease=lease.lease,
            full_until_ms=lease.full_until_ms + later_ms,
            stop_at_ms=lease.stop_at_ms + later_ms,
        )
        self._taken_mono_ms = mono_ms
        self._nonce = ""

    def standing(self, trusted_ms: int | None) -> str:
        """Rule 1. Without trusted time there never was a lease."""
        if self.held is None or trusted_ms is None or trusted_ms >= self.held.stop_at_ms:
            return EXPIRED
        return FULL if trusted_ms < self.held.full_until_ms else WARNING


def lease_received(turn: "Turn", event: "LeaseReceived") -> None:
    """Take a lease, and the time with it; what is not accepted is counted."""
    memory = turn.memory
    try:
        lease, key = _accept(memory, event.raw)
        step = memory.clock.take(lease.issued_at_ms, key, _is_free(turn), turn.now)
    except ProtocolError as error:
        memory.refusals.count(error.code)
        return
    memory.lease.take(lease, turn.trusted_ms or 0, turn.now.mono_ms)
    if memory.claim is None:
        memory.claim = Claim(venue=lease.venue, region=lease.region)
    memory.damage.contacted(turn.now.mono_ms)
    if step is not None:
        turn.append("TIME", {"from_ms": step[0], "to_ms": step[1]})
    held = memory.lease.held
    assert held is not None, "it was taken above"
    body = {"lease": held.lease, "full_until_ms": held.full_until_ms, "stop_at_ms": held.stop_at_ms}
    turn.append("LEASE", body)
    turn.save()
    if lease.policy_epoch > memory.content.policy_epoch or lease.catalog_epoch > memory.content.catalog_epoch:
        turn.do(LookForTargets())


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
    return accept_lease(raw, policy, memory.verify, memory.box, place, desk.asked_nonce, desk.number)


def _is_free(turn: "Turn") -> bool:
    """Whether this lease may set the time anew (`clock.py` rule 4)."""
    memory = turn.memory
    policy = memory.content.policy
    if memory.lease.standing(memory.clock.likely_ms(turn.now)) == EXPIRED or policy is None:
        return True
    return memory.clock.key not in [key.keyid for key in policy.service_keys("lease")]
