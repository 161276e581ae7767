"""Releasing a catalog: this server prepares, two custodians sign, this server verifies and publishes.

    DIR/catalog/candidates/EPOCH/{metadata.json, ...}     what waits for signatures

Rules:

1. Epochs only rise (SPEC 8.1): a candidate is one above everything that was ever prepared or published.
2. What is signed is the TUF role `catalog`, which names the manifest and every table of it by hash. A signature counts
   if the delegation names its key; the second one publishes.
3. A release carries the bans in force when it is published (SPEC 8.7). An order or lift of a ban that was issued after
   the candidate was prepared makes the candidate worthless: prepare again.
4. Signing the same candidate again, or with the same key, changes nothing.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature
from sqlalchemy import insert, select, update
from tuf.api.metadata import Metadata, TargetFile, Targets

from device.protocol.bans import BanList, ListedBan
from device.protocol.errors import RejectedError, SignatureError
from fleet_server.catalog import bans, store
from fleet_server.catalog.building import Release, ban_list_path
from fleet_server.catalog.model import release_bans, releases
from fleet_server.http_errors import ProblemError
from fleet_server.orders import issued_bans
from fleet_server.people import Act
from fleet_server.repository import Publisher
from fleet_server.repository import store as files
from fleet_server.repository.publishing import expiry

ROLE = "catalog"
TARGETS_FOR_DAYS = 365


@dataclass(frozen=True)
class Candidate:
    """What custodians sign: `payload` is the exact bytes."""

    epoch: int
    payload: bytes
    signatures: int
    threshold: int


def prepare(act: Act, publisher: Publisher, folder: Path, release: Release) -> Candidate:
    """Lay a release out for signing; raises ProblemError `CATALOG_EMPTY`, `CONFLICT` if another was quicker."""
    epoch = release.manifest.epoch
    if epoch != store.highest_epoch(act.connection) + 1:
        raise ProblemError("CONFLICT", f"epoch {epoch} is taken")
    if release.manifest.entries == 0:
        raise ProblemError("CATALOG_EMPTY")
    versions = publisher.folder.versions()
    if ROLE not in versions:
        raise RejectedError("REPOSITORY_EMPTY", "hold the key ceremony first")
    named = {path: TargetFile.from_data(path, data) for path, data in release.files.items()}
    for table in release.manifest.tables[:-1]:
        named[table.path] = TargetFile(table.length, {"sha256": table.sha256}, table.path)
    role = Targets(version=versions[ROLE] + 1, expires=expiry(act.now_ms, TARGETS_FOR_DAYS), targets=named)
    place = folder / str(epoch)
    for path, data in release.files.items():
        files.write(place / "targets" / path, data)
    files.write(place / "metadata.json", Metadata(role).to_bytes())
    if release.bans.bans:
        rows = [{"epoch": epoch, "order": ban.order} for ban in release.bans.bans]
        act.connection.execute(insert(release_bans), rows)
    facts = {
        "entries": release.manifest.entries,
        "revision": release.revision,
        "bytes": len(release.table),
        "sha256": release.manifest.tables[-1].sha256,
    }
    values = {"epoch": epoch, "prepared_by": act.actor.person, "prepared_at_ms": act.now_ms, **facts}
    act.connection.execute(insert(releases).values(**values))
    act.record(f"catalog:{epoch}", "000000", after=facts, action="catalog.prepare")
    return candidate(publisher, folder, epoch)


def candidate(publisher: Publisher, folder: Path, epoch: int) -> Candidate:
    """A candidate as it stands; raises ProblemError NOT_FOUND."""
    metadata = _load(folder, epoch)
    threshold = publisher.folder.role(Targets.type).signed.get_delegated_role(ROLE).threshold
    return Candidate(epoch, metadata.signed_bytes, len(metadata.signatures), threshold)


def sign(
    act: Act, publisher: Publisher, folder: Path, epoch: int, signatures: Sequence[tuple[str, bytes]]
) -> Candidate:
    """Add signatures (key id, r ‖ s of SPEC 3.1) and publish when there are enough.

    Raises SignatureError `SIGNER_UNKNOWN`, `SIGNATURE_INVALID`; ProblemError `CATALOG_BANS_CHANGED` (rule 3),
    RejectedError `METADATA_VERSION` if another release was published since: prepare again.
    """
    metadata = _load(folder, epoch)
    if not _is_released(act, epoch) and not bans.is_current(_bans_of(folder, epoch), issued_bans(act), act.now_ms):
        raise ProblemError("CATALOG_BANS_CHANGED", f"prepare a release after epoch {epoch}")
    top = publisher.folder.role(Targets.type).signed
    delegation = top.get_delegated_role(ROLE)
    for keyid, raw in signatures:
        if keyid not in delegation.keyids:
            raise SignatureError("SIGNER_UNKNOWN", f"{keyid[:16]} is no custodian of the catalog")
        half = len(raw) // 2
        der = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        signature = Signature(keyid, der.hex())
        try:
            top.get_key(keyid).verify_signature(signature, metadata.signed_bytes)
        except UnverifiedSignatureError as error:
            raise SignatureError("SIGNATURE_INVALID", f"by key {keyid[:16]}") from error
        metadata.signatures[keyid] = signature
    raw_metadata = metadata.to_bytes()
    files.write(folder / str(epoch) / "metadata.json", raw_metadata)
    keyids = sorted(metadata.signatures)
    act.record(f"catalog:{epoch}", "000000", after={"keyids": keyids}, action="catalog.sign")
    if len(keyids) >= delegation.threshold and not _is_released(act, epoch):
        _publish(act, publisher, folder / str(epoch), metadata, raw_metadata)
    return Candidate(epoch, metadata.signed_bytes, len(keyids), delegation.threshold)


def _publish(act: Act, publisher: Publisher, place: Path, metadata: Metadata[Targets], raw: bytes) -> None:
    version = metadata.signed.version
    if publisher.folder.versions().get(ROLE) != version or publisher.folder.role_bytes(ROLE) != raw:
        laid_out = {path: place / "targets" / path for path in metadata.signed.targets}
        given = {path: file for path, file in laid_out.items() if file.exists()}
        publisher.publish({f"{version}.{ROLE}.json": raw}, given, act.now_ms)
    shutil.rmtree(place / "targets", ignore_errors=True)  # published; the metadata stays as what was signed
    epoch = int(place.name)
    released = {"released_by": act.actor.person, "released_at_ms": act.now_ms}
    act.connection.execute(update(releases).where(releases.c.epoch == epoch).values(**released))
    act.record(f"catalog:{epoch}", "000000", after={"version": version}, action="catalog.release")


def _is_released(act: Act, epoch: int) -> bool:
    found = select(releases.c.released_at_ms).where(releases.c.epoch == epoch)
    return act.connection.execute(found).scalar_one_or_none() is not None


def _bans_of(folder: Path, epoch: int) -> tuple[ListedBan, ...]:
    path = folder / str(epoch) / "targets" / ban_list_path(epoch)
    return BanList.decode(path.read_bytes()).bans if path.exists() else ()


def _load(folder: Path, epoch: int) -> Metadata[Targets]:
    path = folder / str(epoch) / "metadata.json"
    if not path.exists():
        raise ProblemError("NOT_FOUND", f"no candidate of epoch {epoch}")
    return Metadata[Targets].from_file(str(path))
