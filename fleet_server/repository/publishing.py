"""Publishing: targets, then the roles that vouch for them, then snapshot and timestamp (TUF 1.0.31, 6).

`Publisher` is the one writer of the repository and holds its two online keys. They vouch for what is newest
and for nothing else: what a box may install or obey takes two custodians' keys that are not on this machine.

Rules:

1. A cut between any two writes leaves the old edition, and the same can be published again: the timestamp is replaced
   last, a new root only just before.
2. Snapshot and timestamp are signed again before half of their life is over, with nothing else changed.
3. Targets that nothing vouches for any more go KEPT_FOR_DAYS later: a box may still be fetching them.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from device.crypto.p256 import SigningKey
from device.protocol.errors import RejectedError
from fleet_server.repository import store
from fleet_server.repository.store import RepositoryFolder
from fleet_server.repository.verification import (
    DELEGATED,
    accept_role,
    accept_root,
    require_paths,
    require_target,
)

SNAPSHOT_FOR_DAYS = 14
TIMESTAMP_FOR_DAYS = 3
KEPT_FOR_DAYS = 7


class Publisher:
    """Writes one repository. `keys` is the folder with snapshot.pem and timestamp.pem, and what takes their place."""

    def __init__(self, folder: RepositoryFolder, keys: Path) -> None:
        self.folder = folder
        self._keys = keys
        self._lock = threading.Lock()

    def publish(self, metadata: Mapping[str, bytes], targets: Mapping[str, Path], now_ms: int) -> None:
        """Verify and publish signed metadata, by file name `N.ROLE.json`, with the target files it vouches
        for, by path.

        Raises ProtocolError before anything is visible to a box.
        """
        with self._lock:
            root, roles = self._accepted(metadata)
            self._require_targets(roles, targets)
            for role in roles.values():
                for path, wanted in role.signed.targets.items():
                    place = self.folder.targets / store.hashed_name(path, wanted.hashes["sha256"])
                    if path in targets and not place.exists():
                        store.copy(targets[path], place)
            # Roots last: boxes look for the next one whatever the timestamp says.
            for name, raw in sorted(metadata.items(), key=lambda item: item[0].endswith(".root.json")):
                store.write(self.folder.metadata / name, raw)
            versions = self.folder.versions() | {name: role.signed.version for name, role in roles.items()}
            self._seal(root, versions, now_ms)

    def refresh(self, now_ms: int) -> bool:
        """Rule 2; whether anything was due."""
        with self._lock:
            if not self.folder.is_published():
                return False
            due = expiry(now_ms, TIMESTAMP_FOR_DAYS) - timedelta(days=TIMESTAMP_FOR_DAYS / 2)
            snapshot_due = expiry(now_ms, SNAPSHOT_FOR_DAYS) - timedelta(days=SNAPSHOT_FOR_DAYS / 2)
            if self.folder.timestamp().signed.expires > due and self.folder.snapshot().signed.expires > snapshot_due:
                return False
            self._seal(self.folder.root(), self.folder.versions(), now_ms)
            self._forget_old_targets(now_ms)
            return True

    def _accepted(self, metadata: Mapping[str, bytes]) -> tuple[Metadata[Root], dict[str, Metadata[Targets]]]:
        """The newest root and the new roles, each verified by the one above it."""
        root = self._accepted_root(metadata)
        versions = self.folder.versions()
        by_role = {_role(name): metadata[name] for name in metadata if _role(name) != Root.type}
        unknown = set(by_role) - {Targets.type, *DELEGATED}
        if unknown:
            raise RejectedError("METADATA_VERSION", f"unknown roles {', '.join(sorted(unknown))}")
        top = self.folder.role(Targets.type) if Targets.type in versions else None
        if Targets.type in by_role:
            top = accept_role(by_role[Targets.type], Targets.type, root, None, versions)
        roles = {Targets.type: top} if top is not None and Targets.type in by_role else {}
        for name in DELEGATED:
            if name in by_role:
                roles[name] = accept_role(by_role[name], name, root, top, versions)
                if top is not None:
                    require_paths(roles[name], name, top)
        return root, roles

    def _accepted_root(self, metadata: Mapping[str, bytes]) -> Metadata[Root]:
        root = self.folder.root() if self.folder.is_published() else None
        for _, name in sorted((_version(name), name) for name in metadata if name.endswith(".root.json")):
            place = self.folder.metadata / name
            # What a cut has left here is the root that we begin with (rule 1).
            if root is None or not place.exists() or place.read_bytes() != metadata[name]:
                root = accept_root(metadata[name], root)
        if root is None:
            raise RejectedError("REPOSITORY_EMPTY", "no root: hold the key ceremony first")
        return root

    def _require_targets(self, roles: Mapping[str, Metadata[Targets]], targets: Mapping[str, Path]) -> None:
        """Every target is given now or lies here since an earlier edition."""
        for role in roles.values():
            for path, wanted in role.signed.targets.items():
                if path in targets:
                    require_target(wanted, targets[path])
                elif not (self.folder.targets / store.hashed_name(path, wanted.hashes["sha256"])).exists():
                    raise RejectedError("UPDATE_DIGEST", f"{path} is missing")

    def _seal(self, root: Metadata[Root], versions: Mapping[str, int], now_ms: int) -> None:
        """A new snapshot of these versions and a new timestamp of it."""
        published = self.folder.is_published()
        number = self.folder.timestamp().signed.snapshot_meta.version + 1 if published else 1
        meta = {f"{name}.json": MetaFile(version) for name, version in versions.items()}
        snapshot = Metadata(Snapshot(version=number, expires=expiry(now_ms, SNAPSHOT_FOR_DAYS), meta=meta))
        snapshot.sign(self._signer(root, Snapshot.type))
        edition = self.folder.timestamp().signed.version + 1 if published else 1
        timestamp = Metadata(
            Timestamp(version=edition, expires=expiry(now_ms, TIMESTAMP_FOR_DAYS), snapshot_meta=MetaFile(number))
        )
        timestamp.sign(self._signer(root, Timestamp.type))
        store.write(self.folder.metadata / f"{number}.snapshot.json", snapshot.to_bytes())
        store.write(self.folder.metadata / store.TIMESTAMP, timestamp.to_bytes())

    def _forget_old_targets(self, now_ms: int) -> None:
        """Rule 3."""
        named = {
            self.folder.targets / store.hashed_name(path, file.hashes["sha256"])
            for role in self.folder.versions()
            for path, file in self.folder.role(role).signed.targets.items()
        }
        oldest_s = now_ms / 1000 - KEPT_FOR_DAYS * 24 * 3600
        for path in self.folder.targets.rglob("*"):
            if path.is_file() and path not in named and path.stat().st_mtime < oldest_s:
                path.unlink()

    def _signer(self, root: Metadata[Root], role: str) -> CryptoSigner:
        """With the key that this root names: ROLE.pem of the ceremony, or ROLE-vN.pem since root N."""
        for path in (self._keys / f"{role}.pem", *self._keys.glob(f"{role}-v*.pem")):
            key = SigningKey.load(path) if path.exists() else None
            if key is not None and key.key.keyid in root.signed.roles[role].keyids:
                return CryptoSigner(key.private, SSlibKey.from_crypto(key.private.public_key(), keyid=key.key.keyid))
        raise RejectedError("KEY_FILE", f"the root names no key in {self._keys} for {role}")


def expiry(now_ms: int, days: int) -> datetime:
    return datetime.fromtimestamp(now_ms // 1000, UTC).replace(microsecond=0) + timedelta(days=days)


def _version(name: str) -> int:
    number = name.split(".", 1)[0]
    if not number.isdecimal() or len(number) > 9:
        raise RejectedError("METADATA_VERSION", f"{name} is not N.ROLE.json")
    return int(number)


def _role(name: str) -> str:
    _version(name)
    return name.split(".", 1)[1].removesuffix(".json")
