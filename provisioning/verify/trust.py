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
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from device.crypto.certificates import UNREADABLE
from device.crypto.p256 import key_of_public
from device.protocol.errors import ProtocolError
from device.protocol.keys import Key
from device.protocol.policy import AuthorityPolicy
from device.protocol.root_keys import require_distinct_keys
from provisioning.verify.finding import FindingError

POLICY_PATH = "policy/authority.json"


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
    """The given root, and from it up to the newest in the file, each signed by the one before (TUF 5.3)."""
    try:
        root = Metadata[Root].from_bytes(raw)
        if root.signed.type != Root.type:
            raise FindingError("ROOT_UNREADABLE", f"{root.signed.type} is no root")
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
        require_distinct_keys(root.signed.to_dict())
    except (RepositoryError, ProtocolError, ValueError) as error:
        raise FindingError("ROOT_UNREADABLE", str(error)) from error
    given = files.get(f"metadata/{root.signed.version}.root.json")
    if given is not None and given != raw:
        raise FindingError("ROOT_OTHER", f"root of version {root.signed.version} differs from the one given")
    while (name := f"metadata/{root.signed.version + 1}.root.json") in files:
        try:
            newer = Metadata[Root].from_bytes(files[name])
            root.signed.verify_delegate(Root.type, newer.signed_bytes, newer.signatures)
            newer.signed.verify_delegate(Root.type, newer.signed_bytes, newer.signatures)
            require_distinct_keys(newer.signed.to_dict())
        except (RepositoryError, ProtocolError, ValueError) as error:
            raise FindingError("ROOT_OTHER", f"{name}: {error}") from error
        if newer.signed.version != root.signed.version + 1:
            raise FindingError("ROOT_OTHER", f"{name} is of version {newer.signed.version}")
        root = newer
    return root


def _policy(files: Mapping[str, bytes], root: Metadata[Root]) -> AuthorityPolicy:
    raw = _file(files, "policy.json")
    try:
        targets = Metadata[Targets].from_bytes(_file(files, "metadata/targets.json"))
        root.signed.verify_delegate(Targets.type, targets.signed_bytes, targets.signatures)
        require_distinct_keys(targets.signed.to_dict())
    except (RepositoryError, ProtocolError, ValueError) as error:
        raise FindingError("ROOT_OTHER", f"targets: {error}") from error
    try:
        role = Metadata[Targets].from_bytes(_file(files, "metadata/policy.json"))
        targets.signed.verify_delegate("policy", role.signed_bytes, role.signatures)
        target = role.signed.targets.get(POLICY_PATH)
        if target is None or target.hashes.get("sha256") != sha256(raw).hexdigest():
            raise FindingError("POLICY_UNTRUSTED", "policy.json is not what was signed")
        return AuthorityPolicy.decode(raw)
    except (RepositoryError, ProtocolError, ValueError) as error:
        raise FindingError("POLICY_UNTRUSTED", str(error)) from error


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
        if authority.use == "fleet-ca" and _is_issued_by(certificate, b64decode(authority.certificate)):
            return key
    raise FindingError("CERTIFICATE_UNTRUSTED", "no authority of the policy has issued it")


def _is_issued_by(certificate: x509.Certificate, ca_der: bytes) -> bool:
    try:
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(ca_der))
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def _file(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise FindingError("FILE_MISSING", name)
    return files[name]
