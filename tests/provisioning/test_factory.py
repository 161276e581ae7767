"""The factory's step: one box, one identity, whatever cuts it off (SPEC 14.1)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from device.crypto.p256 import SigningKey
from provisioning import ceremony, certificates, cli
from provisioning.errors import ProvisioningError
from provisioning.people import read_people
from tests.provisioning.fake_lan import FakeBox, a_csr, serve
from tests.provisioning.fleet_folder import NOW_MS, a_fleet_folder, a_people_file

BOX = "KTV-0001"


class Factory:
    """The station: `run` is the step for one box."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.fleet = a_fleet_folder(folder / "fleet")
        self.ceremony = folder / "ceremony"
        ceremony.hold(self.ceremony, self.fleet, read_people(a_people_file(folder)), NOW_MS)
        self.label = folder / f"{BOX}.json"

    def run(self, *more: str, box: str = BOX) -> int:
        places = ["--ceremony", str(self.ceremony), "--fleet", str(self.fleet), "--label", str(self.label)]
        address = ["--url", self.url, "--fleet-url", "https://fleet.test:8443"]
        return cli.main(["factory", "--box", box, *places, *address, "--lang", "en", "--output", "json", *more])


@pytest.fixture
def box() -> FakeBox:
    return FakeBox(BOX)


@pytest.fixture
def factory(box: FakeBox, tmp_path: Path) -> Iterator[Factory]:
    with serve(box.routes) as url:
        yield Factory(tmp_path, url)


def test_a_box_gets_its_identity_and_its_label(factory: Factory, box: FakeBox) -> None:
    assert factory.run() == 0
    certificate = box.certificate()
    ca = x509.load_pem_x509_certificate((factory.ceremony / "factory-ca.pem").read_bytes())
    certificate.verify_directly_issued_by(ca)
    assert certificate.public_key() == box.key.private.public_key()
    assert certificate.subject.rfc4514_string() == f"CN={BOX}"
    assert box.identity is not None
    assert box.identity["label_code"] == json.loads(factory.label.read_bytes())["label_code"]
    assert factory.label.stat().st_mode & 0o777 == 0o600
    assert len((factory.ceremony / "factory" / "log.jsonl").read_text().splitlines()) == 1


def test_the_step_again_changes_nothing(factory: Factory, box: FakeBox) -> None:
    factory.run()
    before = box.identity
    assert factory.run() == 0
    assert box.identity == before
    assert len((factory.ceremony / "factory" / "log.jsonl").read_text().splitlines()) == 1


def test_a_step_that_was_cut_off_ends_with_the_same_certificate(
    factory: Factory, box: FakeBox, capsys: pytest.CaptureFixture[str]
) -> None:
    box.fails_once = {"identity"}
    assert factory.run() == 1
    assert "English INTERNAL [INTERNAL]" in capsys.readouterr().err
    issued = (factory.ceremony / "factory" / f"{BOX}.pem").read_bytes()
    assert factory.run() == 0
    assert box.certificate().public_bytes(serialization.Encoding.PEM) == issued


def test_a_box_with_another_identity_is_left_alone(
    factory: Factory, box: FakeBox, capsys: pytest.CaptureFixture[str]
) -> None:
    box.identity = {"certificate": "of another factory"}
    assert factory.run() == 1
    assert "[ALREADY_ENROLLED]" in capsys.readouterr().err
    assert box.identity == {"certificate": "of another factory"}


def test_a_box_that_does_not_answer_is_named(factory: Factory, capsys: pytest.CaptureFixture[str]) -> None:
    factory.url = "http://127.0.0.1:9"
    assert factory.run() == 8
    assert "[BOX_UNREACHABLE]" in capsys.readouterr().err


def test_the_wrong_box_on_the_bench_is_named(
    factory: Factory, box: FakeBox, capsys: pytest.CaptureFixture[str]
) -> None:
    box.box = "KTV-0002"
    assert factory.run() == 1
    assert "[BOX_OTHER]" in capsys.readouterr().err
    assert factory.run(box="no box") == 3


def test_the_fleet_learns_of_the_box(factory: Factory, tmp_path: Path) -> None:
    entered: list[dict[str, Any]] = []

    def enter(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        entered.append(body)
        return 201, {"box": BOX}

    session = tmp_path / "session.json"
    session.write_text(json.dumps({"token": "secret"}))
    with serve({"POST /api/v1/boxes": enter}) as console:
        assert factory.run("--server", console, "--session", str(session)) == 0
    assert entered[0]["authorization"] == "Bearer secret"
    assert set(entered[0]) == {"authorization", "certificate"}


def sign(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, names: list[str], extension: x509.ExtensionType | None = None
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def broken_signature() -> bytes:
    raw = sign(p256(), [BOX])
    return raw[:-1] + bytes([raw[-1] ^ 1])


@pytest.mark.parametrize(
    "csr",
    [
        pytest.param(lambda: b"", id="empty"),
        pytest.param(lambda: b"not DER", id="not DER"),
        pytest.param(lambda: sign(p256(), [BOX]) + b"\x00", id="trailing byte"),
        pytest.param(lambda: sign(p256(), [BOX])[:-5], id="truncated"),
        pytest.param(lambda: sign(rsa.generate_private_key(65537, 2048), [BOX]), id="RSA"),
        pytest.param(lambda: sign(ec.generate_private_key(ec.SECP384R1()), [BOX]), id="another curve"),
        pytest.param(lambda: sign(p256(), ["KTV-9999"]), id="foreign name"),
        pytest.param(lambda: sign(p256(), ["*"]), id="wildcard"),
        pytest.param(lambda: sign(p256(), [BOX + "\x00.evil"]), id="NUL in the name"),
        pytest.param(lambda: sign(p256(), [BOX, BOX]), id="two names"),
        pytest.param(lambda: sign(p256(), []), id="no name"),
        pytest.param(broken_signature, id="no proof of the key"),
        pytest.param(lambda: bytes(1_000_000), id="a megabyte"),
    ],
)
def test_a_request_that_is_not_sound_is_refused(csr: object) -> None:
    assert callable(csr)
    with pytest.raises(ProvisioningError) as caught:
        certificates.require_csr(csr(), BOX)
    assert caught.value.code == "CSR_MALFORMED"


def test_only_the_public_key_of_a_request_is_copied() -> None:
    ca_key, key = p256(), p256()
    ca = certificates.make_factory_ca(ca_key, NOW_MS)
    wish = x509.BasicConstraints(ca=True, path_length=None)
    certificate = certificates.issue_idevid(sign(key, [BOX], wish), BOX, ca, ca_key, NOW_MS)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert certificate.public_key() == key.public_key()


def test_a_sound_request_is_taken() -> None:
    key = SigningKey.generate()
    assert certificates.require_csr(a_csr(key, BOX), BOX) == key.private.public_key()
