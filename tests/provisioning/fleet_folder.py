"""What `frontbox-fleet init` leaves of a fleet directory, as far as the ceremony reads it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from device.crypto.p256 import SigningKey

NOW_MS = 1_795_000_000_000  # 2026-11-18
PEOPLE = """
[[person]]
person = "zhang.san"
name = "张三"
region = "440000"
may = ["stop", "resume", "ban", "lift", "service", "notice"]

[[person]]
person = "li.si"
name = "李四"
region = "440100"
may = ["stop", "resume"]
"""


def a_fleet_folder(folder: Path) -> Path:
    """DIR/keys with the service keys and the fleet CA."""
    keys = folder / "keys"
    keys.mkdir(parents=True)
    for use in ("lease", "ack", "rollout"):
        SigningKey.generate().save(keys / f"{use}.pem")
    key = SigningKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Frontbox Fleet CA")])
    now = datetime.fromtimestamp(NOW_MS // 1000, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.private.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key.private, hashes.SHA256())
    )
    (keys / "fleet-ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key.save(keys / "fleet-ca.key")
    return folder


def a_people_file(folder: Path, text: str = PEOPLE) -> Path:
    path = folder / "people.toml"
    path.write_text(text, encoding="utf-8")
    return path
