"""From the trust root to the key of one box: root, delegation, policy, certificate authority, certificate (SPEC 16.2).

Expiry is not asked: evidence is read years later. What is asked is who signed.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tuf.api.metadata import Metadata, Root, Targets

from device.crypto.certificates import UNREADABLE
from device.crypto.p256 import key_of_public
from device.protocol.keys import Key
from device.protocol.policy import AuthorityPolicy
from provisioning.verify.finding import FindingError
from provisioning.verify.tuf_files import UNSOUND, root_of, root_versions, targets_of

POLICY_PATH = "policy/authority.json"
ROLE = "policy"
THRESHOLD_MIN = 2


@dataclass(frozen=True)
class Trusted:
    """What the chain ends in: the policy, and the box's public key."""

    policy: AuthorityPolicy
    box_key: Key


def establish(files: Mapping[str, bytes], root: bytes, box: str) -> Trusted:
    """Walk the whole chain; raises FindingError at its first broken link."""
    policy = _policy(files, _newest_root(files, root))
    return Trusted(policy, _box_key(files, policy, box))


def _newest_root(files: Mapping[str, bytes], raw: bytes) -> Metadata[Root]:
    """The given root, or the newest in the file: each is signed by the one before and by itself (TUF 5.3).

    Those below the given one prove nothing, and still stand in a row that ends in it.
    """
    try:
        given = root_of(raw)
    except UNSOUND as error:
        raise FindingError("ROOT_UNREADABLE", str(error)) from error
    last: Metadata[Root] | None = None
    for version in root_versions(files):
        name = f"metadata/{version}.root.json"
        if version == given.signed.version and files[name] != raw:
            raise FindingError("ROOT_OTHER", f"root of version {version} differs from the one given")
        if last is None and version > given.signed.version:
            last = given
        last = _next_root(files[name], name, version, last)
    return given if last is None or last.signed.version < given.signed.version else last


def _next_root(raw: bytes, name: str, version: int, last: Metadata[Root] | None) -> Metadata[Root]:
    try:
        root = root_of(raw)
        if last is not None:
            last.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except UNSOUND as error:
        raise FindingError("ROOT_OTHER", f"{name}: {error}") from error
    if root.signed.version != version:
        raise FindingError("ROOT_OTHER", f"{name} is of version {root.signed.version}")
    if last is not None and last.signed.version != version - 1:
        raise FindingError("ROOT_OTHER", f"{name} stands where {last.signed.version + 1} is missing")
    return root


def _policy(files: Mapping[str, bytes], root: Metadata[Root]) -> AuthorityPolicy:
    raw = _file(files, "policy.json")
    try:
        targets = targets_of(_file(files, "metadata/targets.json"))
        root.signed.verify_delegate(Targets.type, targets.signed_bytes, targets.signatures)
    except UNSOUND as error:
        raise FindingError("ROOT_OTHER", f"targets: {error}") from error
    try:
        _require_delegation(targets.signed)
        role = targets_of(_file(files, "metadata/policy.json"))
        targets.signed.verify_delegate(ROLE, role.signed_bytes, role.signatures)
        target = role.signed.targets.get(POLICY_PATH)
        if target is None or (target.length, target.hashes.get("sha256")) != (len(raw), sha256(raw).hexdigest()):
            raise FindingError("POLICY_UNTRUSTED", "policy.json is not what was signed")
        policy = AuthorityPolicy.decode(raw)
    except UNSOUND as error:
        raise FindingError("POLICY_UNTRUSTED", str(error)) from error
    for authority in policy.authorities:
        _certificate(b64decode(authority.certificate))
    return policy


def _require_delegation(targets: Targets) -> None:
    """The role may speak of the policy at all, and two must sign it (SPEC 5.1)."""
    roles = (targets.delegations.roles if targets.delegations else None) or {}
    role = roles.get(ROLE)
    if role is None or role.threshold < THRESHOLD_MIN or not role.is_delegated_path(POLICY_PATH):
        raise FindingError("POLICY_UNTRUSTED", f"{POLICY_PATH} is not delegated to two of role {ROLE}")


def _certificate(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE as error:
        raise FindingError("POLICY_UNTRUSTED", f"an authority has no certificate: {error}") from error


def _box_key(files: Mapping[str, bytes], policy: AuthorityPolicy, box: str) -> Key:
    try:
        certificate = x509.load_pem_x509_certificate(_file(files, "box.pem"))
        names = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        public = certificate.public_key()
        if names != [box] or not isinstance(public, ec.EllipticCurvePublicKey):
            raise FindingError("CERTIFICATE_UNTRUSTED", f"it is of {names}, the evidence of {box}")
        key = key_of_public(public)
    except UNREADABLE as error:
        raise FindingError("CERTIFICATE_UNTRUSTED", str(error)) from error
    for authority in policy.authorities:
        ca = _certificate(b64decode(authority.certificate))
        if authority.use == "fleet-ca" and _is_issued_by(certificate, ca):
            return key
    raise FindingError("CERTIFICATE_UNTRUSTED", "no authority of the policy has issued it")


def _is_issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def _file(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise FindingError("FILE_MISSING", name)
    return files[name]
