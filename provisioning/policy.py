"""The authority policy as the ceremony makes it (SPEC 5.2): officers, service keys, certificate authorities,
limits.

Pure but for officers' key files, which are made where a person has none.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device.protocol.errors import ProtocolError
from device.protocol.keys import Key, key_of
from device.protocol.policy import USES, Authority, AuthorityPolicy, FleetKey, Person
from provisioning import key_files
from provisioning.errors import ProvisioningError
from provisioning.people import Officer, People

POLICY_PATH = "policy/authority.json"


@dataclass(frozen=True)
class Services:
    """What the policy says of the fleet server itself."""

    keys: tuple[FleetKey, ...]
    authorities: tuple[Authority, ...]


def read_services(fleet: Path, factory_ca: x509.Certificate) -> Services:
    """Public halves of the fleet server's keys and both CAs; raises ProvisioningError `FLEET_NOT_READY`."""
    keys = []
    for use in USES:
        path = fleet / "keys" / f"{use}.pem"
        if not path.exists():
            raise ProvisioningError("FLEET_NOT_READY", f"{path} is missing")
        keys.append(FleetKey(use=use, key=key_files.load(path).key))
    path = fleet / "keys" / "fleet-ca.pem"
    try:
        fleet_ca = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ProvisioningError("FLEET_NOT_READY", f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ProvisioningError("FLEET_NOT_READY", f"{path} holds no certificate in PEM") from error
    return Services(tuple(keys), (_authority("fleet-ca", fleet_ca), _authority("factory-ca", factory_ca)))


def build_policy(epoch: int, people: People, persons: Sequence[Person], services: Services, now_ms: int) -> bytes:
    """The canonical bytes; raises ProvisioningError `PEOPLE_FILE` where people break SPEC 5.2 or 5.3."""
    policy = AuthorityPolicy(
        epoch=epoch,
        issued_at_ms=now_ms,
        persons=tuple(persons),
        services=services.keys,
        authorities=services.authorities,
        limits=people.limits,
        moved=people.moved,
        rules=people.rules,
    )
    try:
        raw = policy.encode()
        AuthorityPolicy.decode(raw)
    except ProtocolError as error:
        raise ProvisioningError("PEOPLE_FILE", error.detail) from error
    return raw


def persons_of(people: People, officers: Path) -> tuple[list[Person], list[Path]]:
    """The people with their keys, and the key files that were made now in the folder `officers`."""
    persons, made = [], []
    for officer in people.officers:
        key, born = _key_of(officer, officers)
        if born is not None:
            made.append(born)
        persons.append(
            Person(person=officer.person, name=officer.name, region=officer.region, may=officer.may, keys=(key,))
        )
    return persons, made


def _key_of(officer: Officer, folder: Path) -> tuple[Key, Path | None]:
    if officer.public is not None:
        try:
            return key_of(bytes.fromhex(officer.public)), None
        except (ValueError, ProtocolError) as error:
            raise ProvisioningError(
                "PEOPLE_FILE", f"{officer.person}: public is no P-256 point in hexadecimal"
            ) from error
    if "/" in officer.person or officer.person.startswith("."):
        raise ProvisioningError("PEOPLE_FILE", f"{officer.person!r} is no person's name (SPEC 4.4)")
    path = folder / f"{officer.person}.pem"
    key, born = key_files.make_or_load(path)
    return key.key, path if born else None


def _authority(use: str, certificate: x509.Certificate) -> Authority:
    return Authority(use=use, certificate=b64encode(certificate.public_bytes(Encoding.DER)).decode())
