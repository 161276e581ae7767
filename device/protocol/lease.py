"""The lease: how long a box may serve, and what time it is; its extension for a whole region (SPEC 7.1, 7.5).

The lease key is on line and can therefore be stolen; so a lease neither adds nor ends a hold, and without the box's
own nonce it tells no time. Its numbers count among those of one key: a thief cannot use up those of the next.
"""

from device.protocol.envelope import parse_envelope, verified_keyids
from device.protocol.errors import MalformedError, RejectedError
from device.protocol.limits import (
    EXTENSION_FOR_MS_MAX,
    LEASE_FOR_MS_MAX,
    LEASE_FULL_FOR_MS_MIN,
    LEASE_PLAYS_MIN,
    LEASE_POWERED_S_MIN,
)
from device.protocol.record import Document
from device.protocol.regions import contains
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
    core_from_ms: int
    stop_at_ms: int
    powered_s_max: int
    plays_max: int
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
        ("core_from_ms", INSTANT),
        ("stop_at_ms", INSTANT),
        ("powered_s_max", integer(LEASE_POWERED_S_MIN)),
        ("plays_max", integer(LEASE_PLAYS_MIN)),
        ("policy_epoch", COUNT),
        ("catalog_epoch", COUNT),
    )

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        lease = super().from_plain(value, where)
        rungs = [at_ms - lease.issued_at_ms for at_ms in (lease.full_until_ms, lease.core_from_ms, lease.stop_at_ms)]
        if not LEASE_FULL_FOR_MS_MIN <= rungs[0] <= rungs[1] <= rungs[2] <= LEASE_FOR_MS_MAX:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}: its instants contradict SPEC 7.1")
        return lease


class Extension(Document):
    """While the platform is out of reach of a whole region, its leases last at least until `full_until_ms` (SPEC 7.5).

    `extension` is a number that rises with every one that the fleet server signs, whatever the region.
    """

    extension: int
    region: str
    issued_at_ms: int
    full_until_ms: int

    SHAPE = (
        ("extension", integer(1)),
        ("region", REGION),
        ("issued_at_ms", INSTANT),
        ("full_until_ms", INSTANT),
    )

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        extension = super().from_plain(value, where)
        if not 0 < extension.full_until_ms - extension.issued_at_ms <= EXTENSION_FOR_MS_MAX:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}: its instants contradict SPEC 7.5")
        return extension


def accept_lease(
    raw: bytes,
    policy: "AuthorityPolicy",
    verify: "Verify",
    box: str,
    place: "tuple[str, str]",
    nonce: str,
    last: "tuple[str, int]",
) -> "tuple[Lease, str]":
    """Ask SPEC 7.1 of an envelope's bytes: the lease, and the id of the key that signed it.

    Args:
        raw: the envelope as received.
        policy: names the keys that sign leases.
        verify: whether a signature is right.
        box: the asking box.
        place: venue and region that it is claimed for.
        nonce: the one that the box sent last; empty if it asked for none.
        last: of the lease it has, the id of the key and the number.

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
    _require_newer(lease.lease, keyids, last)
    return lease, keyids[0]


def accept_extension(
    raw: bytes, policy: "AuthorityPolicy", verify: "Verify", region: str, last: "tuple[str, int]"
) -> "tuple[Extension, str]":
    """Ask SPEC 7.5 of an envelope's bytes: the extension, and the id of the key that signed it.

    Args:
        raw: the envelope as received, by whatever courier.
        policy: names the keys that sign leases.
        verify: whether a signature is right.
        region: of the box.
        last: of the extension that it took last, the id of the key and the number.

    Raises:
        ProtocolError: also `LEASE_NOT_OURS`, `LEASE_ROLLBACK`.
    """
    envelope = parse_envelope(raw, "extension")
    keyids = verified_keyids(envelope, {key.keyid: key for key in policy.service_keys("lease")}, verify)
    extension = Extension.decode(envelope.payload)
    if not contains(policy.region_now(extension.region), region):
        raise RejectedError("LEASE_NOT_OURS", f"for {extension.region}, not {region}")
    _require_newer(extension.extension, keyids, last)
    return extension, keyids[0]


def _require_newer(number: int, keyids: "list[str]", last: "tuple[str, int]") -> None:
    if last[0] in keyids and number <= last[1]:
        raise RejectedError("LEASE_ROLLBACK", f"{number} after {last[1]} of the same key")
