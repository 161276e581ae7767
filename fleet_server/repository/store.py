"""The TUF repository on disk: DIR/tuf/{metadata,targets}, consistent snapshots, TUF 1.0.31 (SPEC 5.1).

    metadata/N.root.json N.targets.json N.ROLE.json N.snapshot.json timestamp.json
    targets/FOLDER/HASH.NAME

A box that reads while we write sees the old edition or the new one: every file but `timestamp.json` has its
version or hash in its name, and that one is replaced last, by rename.

Rules: metadata that is published is verified here first (`verification.py`), by the same root that boxes
have. Only this program writes below DIR/tuf.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from device.protocol.errors import RejectedError

TIMESTAMP = "timestamp.json"


@dataclass(frozen=True)
class RepositoryFolder:
    """Where the repository lies; reading it takes no keys."""

    folder: Path

    @property
    def metadata(self) -> Path:
        return self.folder / "metadata"

    @property
    def targets(self) -> Path:
        return self.folder / "targets"

    @property
    def incoming(self) -> Path:
        return self.folder / "incoming"

    def is_published(self) -> bool:
        """Whether boxes find anything here."""
        return (self.metadata / TIMESTAMP).exists()

    def root(self) -> Metadata[Root]:
        """The newest root; raises RejectedError `REPOSITORY_EMPTY`."""
        versions = [int(path.name.split(".")[0]) for path in self.metadata.glob("*.root.json")]
        if not versions:
            raise RejectedError("REPOSITORY_EMPTY", f"no root in {self.metadata}: hold the key ceremony first")
        return Metadata[Root].from_file(str(self.metadata / f"{max(versions)}.root.json"))

    def timestamp(self) -> Metadata[Timestamp]:
        return Metadata[Timestamp].from_file(str(self.metadata / TIMESTAMP))

    def snapshot(self) -> Metadata[Snapshot]:
        """The snapshot that the timestamp names."""
        version = self.timestamp().signed.snapshot_meta.version
        return Metadata[Snapshot].from_file(str(self.metadata / f"{version}.snapshot.json"))

    def role(self, name: str) -> Metadata[Targets]:
        """Top-level `targets` or a delegated role, in the version that the snapshot names."""
        return Metadata[Targets].from_bytes(self.role_bytes(name))

    def role_bytes(self, name: str) -> bytes:
        version = self.snapshot().signed.meta[f"{name}.json"].version
        return (self.metadata / f"{version}.{name}.json").read_bytes()

    def versions(self) -> dict[str, int]:
        """Version of each role that has ever been in a snapshot; it may only rise (TUF 5.5.5)."""
        if not self.is_published():
            return {}
        return {name.removesuffix(".json"): file.version for name, file in self.snapshot().signed.meta.items()}

    def target(self, path: str) -> Path | None:
        """The file of a target path, as the current metadata names it; None if nothing vouches for it."""
        for name in self.versions():
            found = self.role(name).signed.targets.get(path)
            if found is not None:
                return self.targets / hashed_name(path, found.hashes["sha256"])
        return None


def hashed_name(path: str, sha256: str) -> str:
    """A target's name under consistent snapshots (TUF 6.2): the hash goes before the last part."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{sha256}.{name}" if folder else f"{sha256}.{name}"


def write(path: Path, data: bytes) -> None:
    """Replace a file so that a power cut leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
    sync_folder(path.parent)


def copy(source: Path, path: Path) -> None:
    """`write` for files of any size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(handle, "wb") as file, source.open("rb") as original:
        os.fchmod(file.fileno(), 0o644)
        shutil.copyfileobj(original, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
