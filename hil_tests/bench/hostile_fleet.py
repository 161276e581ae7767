"""A fleet server in the wrong hands: it publishes what it likes, with the online keys that lie in its own folder.

    hostile = HostileFleet(data)
    hostile.publish("catalog", {"catalog/manifest.json": old}, [catalog_1, catalog_2])

What it has besides (custodians' keys) the test gives it. A box must survive all of it (SPEC 5.1, decisions 1).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from device.crypto.p256 import SigningKey

_FOR = timedelta(days=3)


class HostileFleet:
    """Rewrites DIR/tuf; `data` is the fleet's data directory."""

    def __init__(self, data: Path) -> None:
        self._metadata = data / "tuf" / "metadata"
        self._targets = data / "tuf" / "targets"
        self._keys = data / "keys"

    def publish(self, role: str, files: Mapping[str, bytes], signers: Iterable[Path]) -> None:
        """The next edition of a role, with these targets instead of or beside the ones it has."""
        meta = self._meta()
        current = Metadata[Targets].from_file(str(self._metadata / f"{meta[role]}.{role}.json")).signed.targets
        found = dict(current) | {path: TargetFile.from_data(path, data) for path, data in files.items()}
        self.publish_role(role, Targets(version=meta[role] + 1, expires=_expiry(), targets=found), signers)
        for path, data in files.items():
            self.put_target(path, data)

    def publish_role(self, role: str, targets: Targets, signers: Iterable[Path]) -> None:
        """Any metadata at all for a role, signed by these key files."""
        metadata = Metadata(targets)
        for signer in signers:
            metadata.sign(signer_of(signer), append=True)
        self._metadata.joinpath(f"{targets.version}.{role}.json").write_bytes(metadata.to_bytes())
        self.seal(self._meta() | {role: targets.version})

    def put_target(self, path: str, data: bytes, digest: str | None = None) -> None:
        """A target file, under the name of its hash or of another."""
        folder, _, name = path.rpartition("/")
        place = self._targets / folder / f"{digest or sha256(data).hexdigest()}.{name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    def seal(
        self,
        versions: Mapping[str, int],
        *,
        number: int = 0,
        edition: int = 0,
        published: bool = True,
        snapshot_sha256: str = "",
        is_hashed: bool = False,
    ) -> None:
        """Snapshot and timestamp of these versions, as only the fleet server can sign them.

        number, edition: versions of the two themselves, by default the next. published: there is a timestamp already.
        snapshot_sha256: what the timestamp says of the snapshot beside its version; is_hashed: it says the truth.
        """
        if published:
            last = Metadata[Timestamp].from_file(str(self._metadata / "timestamp.json")).signed
            number, edition = number or last.snapshot_meta.version + 1, edition or last.version + 1
        meta = {f"{name}.json": MetaFile(version) for name, version in versions.items()}
        snapshot = Metadata(Snapshot(version=number, expires=_expiry(), meta=meta))
        snapshot.sign(signer_of(self._keys / "snapshot.pem"))
        self._metadata.joinpath(f"{number}.snapshot.json").write_bytes(snapshot.to_bytes())
        digest = sha256(snapshot.to_bytes()).hexdigest() if is_hashed else snapshot_sha256
        hashes = {"sha256": digest} if digest else None
        newest = Timestamp(version=edition, expires=_expiry(), snapshot_meta=MetaFile(number, hashes=hashes))
        metadata = Metadata(newest)
        metadata.sign(signer_of(self._keys / "timestamp.pem"))
        self._metadata.joinpath("timestamp.json").write_bytes(metadata.to_bytes())

    def catalog_manifest(self) -> dict[str, object]:
        """The manifest in force, to be changed and signed again."""
        role = Metadata[Targets].from_file(str(self._metadata / f"{self._meta()['catalog']}.catalog.json")).signed
        digest = role.targets["catalog/manifest.json"].hashes["sha256"]
        found: dict[str, object] = json.loads((self._targets / "catalog" / f"{digest}.manifest.json").read_bytes())
        return found

    def _meta(self) -> dict[str, int]:
        timestamp = Metadata[Timestamp].from_file(str(self._metadata / "timestamp.json")).signed
        path = self._metadata / f"{timestamp.snapshot_meta.version}.snapshot.json"
        meta = Metadata[Snapshot].from_file(str(path)).signed.meta
        return {name.removesuffix(".json"): file.version for name, file in meta.items()}


def signer_of(path: Path) -> CryptoSigner:
    """A key file as a signer of TUF metadata, under the key id of SPEC 3.1."""
    key = SigningKey.load(path)
    return CryptoSigner(key.private, SSlibKey.from_crypto(key.private.public_key(), keyid=key.key.keyid))


def _expiry() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + _FOR
