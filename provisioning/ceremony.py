"""The key ceremony: from nothing to a root of trust, the officers' keys and the first authority policy.

Written to CEREMONY, which never goes near the fleet server: `{root,policy,catalog,firmware}-{1,2,3}.pem`
(one file, one custodian), `factory-ca.{pem,key}`, `officers/PERSON.pem`, `root.json`. Handed to the fleet:
signed metadata and the policy.

Rules:

1. Every step makes what is missing and keeps what is there, so a ceremony that was cut short is run again,
   and a finished one changes nothing.
2. A fleet that has a root keeps it: another one is refused.
3. The hash of the root is read aloud and compared on both sides; it is what boxes are given at the factory.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from device.crypto.p256 import SigningKey
from device.protocol.policy import AuthorityPolicy
from provisioning import certificates, delegations, durable, handover, key_files, trust_root
from provisioning.errors import ProvisioningError
from provisioning.people import People
from provisioning.policy import POLICY_PATH, build_policy, persons_of, read_services

OFFLINE_ROLES = ("root", "policy", "catalog", "firmware")


@dataclass(frozen=True)
class Outcome:
    """What a run did: `root_sha256` is read aloud; `made` names the files born in this run."""

    root_sha256: str
    policy_epoch: int
    made: tuple[str, ...]


def hold(ceremony: Path, fleet: Path, people: People, now_ms: int) -> Outcome:
    """The whole ceremony; raises ProvisioningError."""
    if not (fleet / "keys" / "fleet-ca.pem").exists():
        raise ProvisioningError("FLEET_NOT_READY", f"{fleet} has no keys")
    made: list[str] = []
    custodians = {role: _custodians(ceremony, role, made) for role in OFFLINE_ROLES}
    factory_ca = _factory_ca(ceremony, now_ms, made)
    services = read_services(fleet, factory_ca)
    root = _root(ceremony, fleet, custodians["root"], now_ms, made)
    place = ceremony / "policy.json"
    if not place.exists():
        persons, born = persons_of(people, ceremony / "officers")
        made.extend(f"officers/{path.name}" for path in born)
        durable.write(place, build_policy(1, people, persons, services, now_ms))
        made.append(place.name)
    epoch = current_policy(ceremony).epoch
    if not handover.is_handed_over(fleet):
        delegated = {role: custodians[role] for role in trust_root.DELEGATED}
        targets = trust_root.build_targets(custodians["root"], delegated, now_ms)
        files: dict[str, dict[str, bytes]] = {
            "policy": {POLICY_PATH: place.read_bytes()},
            "catalog": {},
            "firmware": {},
        }
        metadata = {"1.root.json": root, "1.targets.json": trust_root.encode(targets)}
        for role, signers in delegated.items():
            version = epoch if role == "policy" else 1
            metadata[f"{version}.{role}.json"] = trust_root.encode(
                trust_root.build_role(version, files[role], signers, now_ms)
            )
        handover.hand_over(fleet, handover.CEREMONY, metadata, files["policy"])
    return Outcome(sha256(root).hexdigest(), epoch, tuple(made))


def update_policy(ceremony: Path, fleet: Path, people: People, keys: list[Path], now_ms: int) -> Outcome:
    """The next epoch of the policy, signed by two policy custodians; without a change nothing is made."""
    root = require_root(newest_root(ceremony)[1])
    current = current_policy(ceremony)
    signers = [key_files.tuf_signer(key_files.load(path)) for path in keys]
    if len({signer.public_key.keyid for signer in signers}) < trust_root.THRESHOLD:
        raise ProvisioningError("THRESHOLD_SHORT", "two different policy keys must sign")
    persons, born = persons_of(people, ceremony / "officers")
    services = read_services(fleet, _factory_ca(ceremony, now_ms, []))
    fields = (tuple(persons), services.keys, services.authorities, people.limits, people.rules)
    if fields == (current.persons, current.services, current.authorities, current.limits, current.rules):
        return Outcome(sha256(root).hexdigest(), current.epoch, ())
    epoch = current.epoch + 1
    policy = build_policy(epoch, people, persons, services, now_ms)
    role = trust_root.build_role(epoch, {POLICY_PATH: policy}, signers, now_ms)
    delegations.require_accepted(fleet, "policy", role)
    metadata = {f"{epoch}.policy.json": trust_root.encode(role)}
    handover.hand_over(fleet, f"policy-{epoch}", metadata, {POLICY_PATH: policy})
    durable.write(ceremony / "policy.json", policy)
    return Outcome(sha256(root).hexdigest(), epoch, (*(f"officers/{path.name}" for path in born), "policy.json"))


def newest_root(ceremony: Path) -> tuple[int, Path]:
    """Version and place of the root that is given to boxes from now on; `root.json` is the first (`rotation.py`)."""
    later = [(int(path.stem.removeprefix("root-")), path) for path in ceremony.glob("root-*.json")]
    return max([(1, ceremony / "root.json"), *later])


def current_policy(ceremony: Path) -> AuthorityPolicy:
    """The policy that the ceremony signed last; raises ProvisioningError `CEREMONY_MISSING`."""
    try:
        return AuthorityPolicy.decode((ceremony / "policy.json").read_bytes())
    except OSError as error:
        raise ProvisioningError("CEREMONY_MISSING", f"{ceremony / 'policy.json'}: {error.strerror}") from error


def require_root(path: Path) -> bytes:
    """A root that signs itself and has no key under two ids (SPEC 5.1).

    Raises ProvisioningError `CEREMONY_MISSING`, `ROOT_UNSOUND`, `ROOT_DUPLICATE_KEY`.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ProvisioningError("CEREMONY_MISSING", f"{path}: {error.strerror}") from error
    try:
        metadata = Metadata[Root].from_bytes(raw)
        metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise ProvisioningError("ROOT_UNSOUND", f"{path}: {error}") from error
    trust_root.require_distinct(metadata)
    return raw


def _custodians(ceremony: Path, role: str, made: list[str]) -> list[CryptoSigner]:
    signers = []
    for number in range(1, trust_root.CUSTODIANS_COUNT + 1):
        key, born = key_files.make_or_load(ceremony / f"{role}-{number}.pem")
        if born:
            made.append(f"{role}-{number}.pem")
        signers.append(key_files.tuf_signer(key))
    return signers


def _root(ceremony: Path, fleet: Path, custodians: list[CryptoSigner], now_ms: int, made: list[str]) -> bytes:
    path = ceremony / "root.json"
    published = fleet / "tuf" / "metadata" / "1.root.json"
    if not path.exists():
        if published.exists():
            raise ProvisioningError("CEREMONY_OTHER_ROOT", f"{published} is there and {path} is not")
        online = [key_files.make_or_load(fleet / "keys" / f"{role}.pem")[0] for role in (Snapshot.type, Timestamp.type)]
        snapshot, timestamp = [key_files.tuf_signer(key) for key in online]
        durable.write(path, trust_root.encode(trust_root.build_root(custodians, snapshot, timestamp, now_ms)))
        made.append(path.name)
    raw = require_root(path)
    root = Metadata[Root].from_bytes(raw).signed
    if set(root.roles[Targets.type].keyids) != {signer.public_key.keyid for signer in custodians}:
        raise ProvisioningError("ROOT_UNSOUND", f"{path} is not of the keys beside it")
    if published.exists() and published.read_bytes() != raw:
        raise ProvisioningError("CEREMONY_OTHER_ROOT", f"{published} differs from {path}")
    return raw


def _factory_ca(ceremony: Path, now_ms: int, made: list[str]) -> x509.Certificate:
    key, born = key_files.make_or_load(ceremony / "factory-ca.key")
    path = ceremony / "factory-ca.pem"
    if not path.exists():
        certificate = certificates.make_factory_ca(key.private, now_ms)
        durable.write(path, certificate.public_bytes(Encoding.PEM))
        made.append(path.name)
    if born:
        made.append("factory-ca.key")
    return load_factory_ca(ceremony)[0]


def load_factory_ca(ceremony: Path) -> tuple[x509.Certificate, SigningKey]:
    """Certificate and key of the factory CA; raises ProvisioningError `CEREMONY_MISSING`."""
    path = ceremony / "factory-ca.pem"
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ProvisioningError("CEREMONY_MISSING", f"{path}: {error}") from error
    key = key_files.load(ceremony / "factory-ca.key")
    if certificate.public_key() != key.private.public_key():
        raise ProvisioningError("CEREMONY_MISSING", f"{path} is not of the key beside it")
    return certificate, key
