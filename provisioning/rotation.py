"""Rotating the root of trust: a custodian's or the server's online keys are replaced, or its life renewed (SPEC 5.4).

Written to CEREMONY: `root-N.json`, `targets-N.json` and, for each custodian who is replaced, `root-NUMBER-vN.pem`.
Handed to the fleet: both documents. Boxes climb from the root that they have to the newest, one version at a time.

Rules:

1. A new root is signed by a threshold of the keys of the root before it and by one of its own: whoever has only new
   keys, or only old ones that were taken away, makes no root.
2. The custodians of the root also vouch for the delegations, so these are signed again by the new ones.
3. The version is named. What is made is kept, so a rotation that was cut short is run again, and a finished one changes
   nothing.
4. A key file that is replaced is left alone: its holder destroys it when the boxes have followed.
5. New online keys lie in the fleet's folder before the root that names them. The server signs with those that the root
   in force names, so it needs no word of when they change.
"""

from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from provisioning import delegations, durable, handover, key_files, trust_root
from provisioning.ceremony import newest_root, require_root
from provisioning.errors import ProvisioningError

ONLINE = (Snapshot.type, Timestamp.type)


@dataclass(frozen=True)
class Rotated:
    """What a run did: `root_sha256` is read aloud; `made` names the files born in this run."""

    version: int
    root_sha256: str
    made: tuple[str, ...]


def rotate(
    ceremony: Path,
    fleet: Path,
    version: int,
    keys: list[Path],
    replaced: list[int],
    now_ms: int,
    online: tuple[str, ...] = (),
) -> Rotated:
    """Make root `version`, in which new keys stand for the custodians numbered in `replaced`, and hand it over.

    keys: of the root in force, a threshold of them; what stays may be among them. online: which of ONLINE get new keys
    as well. Raises ProvisioningError
    `CEREMONY_MISSING`, `CEREMONY_OTHER_ROOT`, `ROOT_VERSION`, `ROOT_UNSOUND`, `SIGNER_UNKNOWN`, `THRESHOLD_SHORT`,
    `CUSTODIAN_UNKNOWN`.
    """
    if version < 2 or newest_root(ceremony)[0] not in (version - 1, version):
        raise ProvisioningError("ROOT_VERSION", f"the newest root is {newest_root(ceremony)[0]}, wanted is {version}")
    before = Metadata[Root].from_bytes(require_root(_path(ceremony, version - 1)))
    made: list[str] = []
    place = ceremony / f"root-{version}.json"
    if not place.exists():
        signers = _signers(before, keys)
        born = _new_keys(ceremony, version, replaced, made)
        custodians = _custodians(before, born)
        replacing = {role: _online_key(fleet, role, version, made) for role in sorted(online)}
        both = {signer.public_key.keyid: signer for signer in (*signers, *born.values())}.values()
        targets = _targets(fleet, custodians, [one for one in both if one.public_key.keyid in custodians], now_ms)
        raw = _root(before, custodians, replacing, list(both), now_ms)
        # The root last: where it lies, everything else does.
        durable.write(ceremony / f"targets-{version}.json", targets)
        durable.write(place, raw)
        made += [f"targets-{version}.json", place.name]
    raw = require_root(place)
    _require_follows(raw, before, replaced, online)
    published = fleet / "tuf" / "metadata" / f"{version}.root.json"
    if published.exists() and published.read_bytes() != raw:
        raise ProvisioningError("CEREMONY_OTHER_ROOT", f"{published} differs from {place}")
    if not published.exists():
        targets = (ceremony / f"targets-{version}.json").read_bytes()
        number = Metadata[Targets].from_bytes(targets).signed.version
        metadata = {f"{version}.root.json": raw, f"{number}.targets.json": targets}
        handover.hand_over(fleet, f"root-{version}", metadata, {})
    return Rotated(version, sha256(raw).hexdigest(), tuple(made))


def _path(ceremony: Path, version: int) -> Path:
    return ceremony / ("root.json" if version == 1 else f"root-{version}.json")


def _signers(before: Metadata[Root], keys: list[Path]) -> list[CryptoSigner]:
    """Custodians of the root in force, a threshold of them."""
    signers = {signer.public_key.keyid: signer for signer in map(key_files.tuf_signer, map(key_files.load, keys))}
    for keyid in signers:
        if keyid not in before.signed.roles[Root.type].keyids:
            raise ProvisioningError("SIGNER_UNKNOWN", f"{keyid[:16]} is no custodian of root {before.signed.version}")
    if len(signers) < before.signed.roles[Root.type].threshold:
        raise ProvisioningError("THRESHOLD_SHORT", f"of root {before.signed.version}")
    return list(signers.values())


def _new_keys(ceremony: Path, version: int, replaced: list[int], made: list[str]) -> dict[int, CryptoSigner]:
    found = {}
    for number in sorted(set(replaced)):
        if not 1 <= number <= trust_root.CUSTODIANS_COUNT:
            raise ProvisioningError("CUSTODIAN_UNKNOWN", f"{number} of {trust_root.CUSTODIANS_COUNT}")
        name = f"root-{number}-v{version}.pem"
        key, born = key_files.make_or_load(ceremony / name)
        made += [name] if born else []
        found[number] = key_files.tuf_signer(key)
    return found


def _online_key(fleet: Path, role: str, version: int, made: list[str]) -> Key:
    """Rule 5."""
    path = fleet / "keys" / f"{role}-v{version}.pem"
    key, born = key_files.make_or_load(path)
    made += [path.name] if born else []
    return key_files.tuf_signer(key).public_key


def _custodians(before: Metadata[Root], born: dict[int, CryptoSigner]) -> dict[str, Key]:
    """Public keys of the new root by id; a custodian keeps the place in the list, which is the number."""
    places = enumerate(before.signed.roles[Root.type].keyids, 1)
    keys = [born[number].public_key if number in born else before.signed.keys[keyid] for number, keyid in places]
    return {key.keyid: key for key in keys}


def _root(
    before: Metadata[Root],
    custodians: dict[str, Key],
    online: dict[str, Key],
    signers: list[CryptoSigner],
    now_ms: int,
) -> bytes:
    root = deepcopy(before.signed)
    root.version += 1
    root.expires = trust_root.expiry(now_ms, trust_root.ROOT_FOR_DAYS)
    named = {role: list(custodians.values()) for role in (Root.type, Targets.type)}
    for role, keys in (named | {role: [key] for role, key in online.items()}).items():
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        for key in keys:
            root.add_key(key, role)
    return trust_root.encode(trust_root.signed(Metadata(root), signers))


def _targets(fleet: Path, custodians: dict[str, Key], signers: list[CryptoSigner], now_ms: int) -> bytes:
    """The delegations as they are, signed by the custodians of the new root (rule 2)."""
    assert all(signer.public_key.keyid in custodians for signer in signers)
    targets = delegations.newest_targets(fleet).signed
    targets.version += 1
    targets.expires = trust_root.expiry(now_ms, trust_root.TARGETS_FOR_DAYS)
    return trust_root.encode(trust_root.signed(Metadata(targets), signers))


def _require_follows(raw: bytes, before: Metadata[Root], replaced: list[int], online: tuple[str, ...]) -> None:
    """A root that an earlier run made is the one that this run is asked for, and follows the one before it."""
    after = Metadata[Root].from_bytes(raw).signed
    places = zip(before.signed.roles[Root.type].keyids, after.roles[Root.type].keyids, strict=True)
    changed = {number for number, (old, new) in enumerate(places, 1) if old != new}
    if after.version != before.signed.version + 1 or changed != set(replaced):
        raise ProvisioningError("ROOT_UNSOUND", f"root {after.version} replaces {sorted(changed)}, not {replaced}")
    moved = {role for role in ONLINE if before.signed.roles[role].keyids != after.roles[role].keyids}
    if moved != set(online):
        raise ProvisioningError("ROOT_UNSOUND", f"root {after.version} replaces {sorted(moved)}, not {sorted(online)}")
