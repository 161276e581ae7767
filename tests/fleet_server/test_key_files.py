"""Keys and certificates of the data directory: made once, completed, never replaced without need."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from fleet_server import key_files
from fleet_server.certificates import SERVER_FOR

NOW_MS = 1_795_000_000_000
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    key_files.make_keys(tmp_path, NOW_MS)
    key_files.make_server_certificate(tmp_path, ["fleet.example"], NOW_MS)
    return tmp_path


def certificate(keys: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((keys / "server.pem").read_bytes())


def test_making_again_replaces_nothing(keys: Path) -> None:
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    key_files.make_keys(keys, NOW_MS + DAY_MS)
    assert not key_files.make_server_certificate(keys, ["fleet.example"], NOW_MS + DAY_MS)
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before


def test_private_files_are_the_owners_alone(keys: Path) -> None:
    assert [path.name for path in keys.iterdir() if path.stat().st_mode & 0o077] == []


def test_what_is_missing_is_made(keys: Path) -> None:
    (keys / "ack.pem").unlink()
    key_files.make_keys(keys, NOW_MS)
    assert (keys / "ack.pem").exists()


def test_a_new_name_gives_a_new_certificate_that_keeps_the_old_names(keys: Path) -> None:
    assert key_files.make_server_certificate(keys, ["10.0.0.7"], NOW_MS)
    names = certificate(keys).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == {"fleet.example", "10.0.0.7", "localhost", "127.0.0.1"}


def test_a_certificate_is_renewed_long_before_its_end(keys: Path) -> None:
    renewed_at_ms = NOW_MS + SERVER_FOR.days * DAY_MS - key_files.RENEW_BEFORE_MS
    assert not key_files.make_server_certificate(keys, [], renewed_at_ms - DAY_MS)
    assert key_files.make_server_certificate(keys, [], renewed_at_ms + DAY_MS)


def test_a_key_without_its_certificate_is_replaced_with_it(keys: Path) -> None:
    (keys / "server.key").write_bytes((keys / "fleet-ca.key").read_bytes())
    assert key_files.make_server_certificate(keys, [], NOW_MS)


def test_a_server_certificate_cannot_pass_for_a_box_or_a_ca(keys: Path) -> None:
    made = certificate(keys)
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    made.verify_directly_issued_by(x509.load_pem_x509_certificate((keys / "fleet-ca.pem").read_bytes()))
