"""The lease: how long a box may serve, and what time it is (SPEC 7.1).

The lease key is on line and can therefore be stolen; so a lease neither adds nor ends a hold, and without the box's
own nonce it tells no time.
"""

from device.protocol.envelope import parse_envelope, verified_keyids
from device.protocol.errors import MalformedError, RejectedError
from device.protocol.limits import LEASE_FOR_MS_MAX, LEASE_FULL_FOR_MS_MIN
from device.protocol.record import Document
from device.protocol.shape import BOX, COUNT, INSTANT, NONCE, REGION, VENUE, integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from device.protocol.keys import Verify
    from device.protocol.policy import AuthorityPolicy


class Lease(Document):
    """`region` is where the venue lies, as the box knows from its claim: a lease moves nobody (SPEC 4.2)."""

    box: str
    venue: str
    region: str
    lease: int
    nonce: str
    issued_at_ms: int
    full_until_ms: int
    stop_at_ms: int
    policy_epoch: int
    catalog_epoch: int

    SHAPE = (
        ("box", BOX),
        ("venue", VENUE),
        ("region", REGION),
        ("lease", integer(1)),
        ("nonce", NONCE),
        ("issued_at_ms", INSTANT),
        ("full_until_ms", INSTANT),
        ("stop_at_ms", INSTANT),
        ("policy_epoch", COUNT),
        ("catalog_epoch", COUNT),
    )

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        lease = super().from_plain(value, where)
        full_for_ms, stop_for_ms = lease.full_until_ms - lease.issued_at_ms, lease.stop_at_ms - lease.issued_at_ms
        if not LEASE_FULL_FOR_MS_MIN <= full_for_ms <= stop_for_ms <= LEASE_FOR_MS_MAX:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}: its instants contradict SPEC 7.1")
        return lease


def accept_lease(
    raw: bytes, policy: "AuthorityPolicy", verify: "Verify", box: str, place: "tuple[str, str]", nonce: str, last: int
) -> "tuple[Lease, str]":
    """Ask SPEC 7.1 of an envelope's bytes: the lease, and the id of the key that signed it.

    Args:
        raw: the envelope as received.
        policy: names the keys that sign leases.
        verify: whether a signature is right.
        box: the asking box.
        place: venue and region that it is claimed for.
        nonce: the one that the box sent last; empty if it asked for none.
        last: the number of the lease it has.

    Raises:
        ProtocolError: also `LEASE_NOT_OURS`, `LEASE_NONCE`, `LEASE_ROLLBACK`.
    """
    envelope = parse_envelope(raw, "lease")
    keyids = verified_keyids(envelope, {key.keyid: key for key in policy.service_keys("lease")}, verify)
    lease = Lease.decode(envelope.payload)
    if lease.box != box or (lease.venue, policy.region_now(lease.region)) != place:
        raise RejectedError("LEASE_NOT_OURS", f"for {lease.box} in {lease.venue}, {lease.region}")
    if not nonce or lease.nonce != nonce:
        raise RejectedError("LEASE_NONCE", f"lease {lease.lease}: not the answer to what this box asked")
    if lease.lease <= last:
        raise RejectedError("LEASE_ROLLBACK", f"lease {lease.lease} after {last}")
    return lease, keyids[0]
