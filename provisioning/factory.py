"""The factory's step (SPEC 14.1): the box makes its key, the factory names it, nothing secret leaves the box.

Kept in CEREMONY/factory: `BOX.pem` (certificate) and `log.jsonl`, one line for each box that was named.

Rules:

1. Written before it is done: the label and the certificate stand on disk before the box gets them, so a step that
   was cut off is run again and ends with the same label and the same certificate.
2. One box, one identity: a box that has another one answers ALREADY_ENROLLED, and nothing is changed.
"""

import argparse
import json
import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from device.protocol.shape import is_box
from provisioning import ceremony, certificates, durable, http
from provisioning.errors import ProvisioningError
from provisioning.wording import Voice

# Read aloud and typed from a label: no characters that look alike.
_LABEL_ALPHABET = "23456789ABCDEFGHJKLMNPQRTUVWXY"
LABEL_CODE_CHARS = 12


def run(options: argparse.Namespace, voice: Voice, now_ms: int) -> dict[str, object]:
    if not is_box(options.box):
        raise ProvisioningError("BOX_UNKNOWN", f"{options.box!r}: a box id is KTV- and 4 to 32 of 0-9A-Z")
    label_code = label_of(options.label, options.box)
    root = ceremony.require_root(ceremony.newest_root(options.ceremony)[1])
    lan = http.box(options.url)
    certificate, factory_ca = _certificate(options.ceremony, options.box, lan, now_ms)
    fleet_ca = _certificate_file(options.fleet / "keys" / "fleet-ca.pem")
    lan.request(
        "PUT",
        "/v1/factory/identity",
        {
            "certificate": _base64(certificate.public_bytes(Encoding.DER)),
            "factory_ca": _base64(factory_ca.public_bytes(Encoding.DER)),
            "root": _base64(root),
            "fleet_url": options.fleet_url,
            "fleet_ca": _base64(fleet_ca.public_bytes(Encoding.DER)),
            "label_code": label_code,
        },
    )
    voice.say(f"{options.box} 已完成出厂登记。", f"{options.box} is enrolled.")
    if options.server is not None:
        _enter_factory_log(options, certificate)
    return {"box": options.box, "label_code": label_code, "certificate_sha256": _fingerprint(certificate)}


def label_of(path: Path, box: str) -> str:
    """The label code of this box, made and written down if there is none yet."""
    if path.exists():
        label = read_label(path)
        if label["box"] != box:
            raise ProvisioningError("BOX_OTHER", f"{path} is the label of {label['box']}")
        return label["label_code"]
    code = "".join(secrets.choice(_LABEL_ALPHABET) for _ in range(LABEL_CODE_CHARS))
    durable.write(path, json.dumps({"box": box, "label_code": code}).encode() + b"\n", durable.SECRET_MODE)
    return code


def read_label(path: Path) -> dict[str, str]:
    """Raises ProvisioningError `LABEL_FILE`."""
    try:
        label = json.loads(path.read_bytes())
        return {"box": str(label["box"]), "label_code": str(label["label_code"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProvisioningError("LABEL_FILE", f"{path}: {error}") from error


def _certificate(folder: Path, box: str, lan: http.Peer, now_ms: int) -> tuple[x509.Certificate, x509.Certificate]:
    """The box's IDevID, issued now or in an earlier run, and the CA that issued it."""
    factory_ca, ca_key = ceremony.load_factory_ca(folder)
    path = folder / "factory" / f"{box}.pem"
    if path.exists():
        return _certificate_file(path), factory_ca
    answer = lan.request("POST", "/v1/factory/csr", {"box": box})
    if answer.get("box") != box:
        raise ProvisioningError("BOX_OTHER", f"the box says {answer.get('box')}, the label {box}")
    try:
        csr = b64decode(str(answer.get("csr", "")), validate=True)
    except (Base64Error, ValueError) as error:
        raise ProvisioningError("CSR_MALFORMED", "not base64") from error
    certificate = certificates.issue_idevid(csr, box, factory_ca, ca_key.private, now_ms)
    durable.write(path, certificate.public_bytes(Encoding.PEM))
    _log(folder / "factory" / "log.jsonl", box, certificate, now_ms)
    return certificate, factory_ca


def _log(path: Path, box: str, certificate: x509.Certificate, now_ms: int) -> None:
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    line = {"at_ms": now_ms, "box": box, "serial": f"{certificate.serial_number:x}", "spki": sha256(spki).hexdigest()}
    with path.open("ab") as file:
        file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _enter_factory_log(options: argparse.Namespace, certificate: x509.Certificate) -> None:
    token = ""
    if options.session is not None:
        try:
            token = str(json.loads(options.session.read_bytes())["token"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProvisioningError("SIGN_IN_NEEDED", f"{options.session}: {error}") from error
    fleet = http.Peer(options.server, "FLEET_UNREACHABLE", token)
    fleet.request("POST", "/api/v1/boxes", {"certificate": _base64(certificate.public_bytes(Encoding.DER))})


def _certificate_file(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ProvisioningError("FLEET_NOT_READY", f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ProvisioningError("FLEET_NOT_READY", f"{path} holds no certificate in PEM") from error


def _fingerprint(certificate: x509.Certificate) -> str:
    return sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
