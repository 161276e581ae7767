"""TUF metadata that the ceremony signs off line: root, targets and the delegated roles (SPEC 5.1).

Root and targets are signed by the root custodians, each delegated role by its own; every threshold is two.
Snapshot and timestamp belong to the fleet server, which signs them when it takes this in.

Does not publish: what is made here is handed over (`handover.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from device.protocol.errors import ProtocolError
from device.protocol.root_keys import require_distinct_keys
from provisioning.errors import ProvisioningError

THRESHOLD = 2
CUSTODIANS_COUNT = 3
ROOT_FOR_DAYS = 730
TARGETS_FOR_DAYS = 365

# Which role vouches for which targets. A pattern speaks of one level of folders only.
DELEGATED = {
    "policy": ("policy/*",),
    "catalog": ("catalog/*",),
    "firmware": ("firmware/*/*",),
}

Signers = Sequence[CryptoSigner]
Document = TypeVar("Document", Root, Targets)


def build_root(custodians: Signers, snapshot: CryptoSigner, timestamp: CryptoSigner, now_ms: int) -> Metadata[Root]:
    """Root version 1, signed by all its custodians; `now_ms` starts its life of two years."""
    root = Root(version=1, expires=expiry(now_ms, ROOT_FOR_DAYS), consistent_snapshot=True)
    for signer in custodians:
        root.add_key(signer.public_key, Root.type)
        root.add_key(signer.public_key, Targets.type)
    root.add_key(snapshot.public_key, "snapshot")
    root.add_key(timestamp.public_key, "timestamp")
    root.roles[Root.type].threshold = THRESHOLD
    root.roles[Targets.type].threshold = THRESHOLD
    return signed(Metadata(root), custodians)


def build_targets(custodians: Signers, delegated: Mapping[str, Signers], now_ms: int) -> Metadata[Targets]:
    """Top-level targets: no target of its own, only the delegations of `DELEGATED`."""
    keys = {signer.public_key.keyid: signer.public_key for signers in delegated.values() for signer in signers}
    roles = {
        name: DelegatedRole(
            name,
            [signer.public_key.keyid for signer in delegated[name]],
            THRESHOLD,
            terminating=True,
            paths=list(paths),
        )
        for name, paths in DELEGATED.items()
    }
    targets = Targets(version=1, expires=expiry(now_ms, TARGETS_FOR_DAYS), delegations=Delegations(dict(keys), roles))
    return signed(Metadata(targets), custodians)


def build_role(version: int, files: Mapping[str, bytes], signers: Signers, now_ms: int) -> Metadata[Targets]:
    """One edition of a delegated role that vouches for these target files, by path."""
    found = {path: TargetFile.from_data(path, data) for path, data in files.items()}
    role = Targets(version=version, expires=expiry(now_ms, TARGETS_FOR_DAYS), targets=found)
    return signed(Metadata(role), signers)


def signed(metadata: Metadata[Document], signers: Signers) -> Metadata[Document]:
    """Signed by all; what would have one key under two ids is not signed at all."""
    require_distinct(metadata)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata


def require_distinct(metadata: Metadata[Root] | Metadata[Targets]) -> None:
    """SPEC 5.1, asked of what we are about to sign and of what we were given."""
    try:
        require_distinct_keys(metadata.signed.to_dict())
    except ProtocolError as error:
        raise ProvisioningError(error.code, error.detail) from error


def encode(metadata: Metadata[Root] | Metadata[Targets]) -> bytes:
    return metadata.to_bytes(JSONSerializer(compact=False))


def expiry(now_ms: int, days: int) -> datetime:
    return datetime.fromtimestamp(now_ms // 1000, UTC).replace(microsecond=0) + timedelta(days=days)
