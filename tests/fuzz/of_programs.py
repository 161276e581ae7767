"""Readers of the fleet server and of the tools: what a box, a person or an evidence file may bring."""

import tempfile
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device.crypto.certificates import signing_request
from device.crypto.p256 import SigningKey
from device.services.content import require_root
from fleet_server.boxes.certificates import read_idevid
from fleet_server.certificates import requested_key
from fleet_server.http_errors import ProblemError
from fleet_server.song_lists.check import check_file
from provisioning.verify.archive import MANIFEST, manifest_of, pack
from provisioning.verify.finding import FindingError
from provisioning.verify.verification import verify_bytes
from tests import builders
from tests.fleet_server.repository.published import PublishedFleet
from tests.fuzz.parser import Parser, Read
from tests.provisioning.evidence_builder import Evidence, box_certificate

_CSV = """编号,title,artist,work,duration_s,kind,sha256
000482,月亮代表我的心,邓丽君,W1,254,,
000483,"a ""quoted"" title",x,W2,0,filler,FILE
""".replace("FILE", "ab" * 32)


def _song_list(raw: bytes) -> None:
    check = check_file(raw, {})
    assert check.rows == check.sound + check.bad


@cache
def _fleet() -> PublishedFleet:
    return PublishedFleet(Path(tempfile.mkdtemp(prefix="fuzz-")))


@cache
def _sound_evidence() -> bytes:
    evidence = Evidence(_fleet(), entries_count=6)
    evidence.files[MANIFEST] = manifest_of(evidence.files)
    return pack(evidence.files)


def _verifier() -> Read:
    root, sound = _fleet().root, _sound_evidence()

    def read(raw: bytes) -> None:
        verify_bytes(raw, root)
        assert raw == sound, "another file is valid too"

    return read


def _idevids() -> list[bytes]:
    pem = box_certificate(_fleet().data / "keys", SigningKey.generate(), builders.BOX)
    return [x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)]


def _requests() -> list[bytes]:
    return [signing_request(builders.BOX, SigningKey.generate())]


PARSERS = [
    Parser("song_list", lambda: [_CSV.encode(code) for code in ("utf-8", "gb18030", "utf-16")], lambda: _song_list, (),
           share=20),
    Parser("evidence", lambda: [_sound_evidence()], _verifier, (FindingError,), share=2),
    Parser("tuf_root", lambda: [_fleet().root], lambda: require_root, share=10),
    Parser("idevid", _idevids, lambda: lambda raw: read_idevid(raw, []), (ProblemError,), share=30),
    Parser("signing_request", _requests, lambda: requested_key, (ProblemError,), share=10),
]  # fmt: skip
