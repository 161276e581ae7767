"""SPEC 3: keys and the signed envelope. Verification itself is real: nothing here is signed by pretence."""

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from device.crypto.p256 import verify
from device.protocol.envelope import (
    NAMES,
    Envelope,
    pae,
    parse_envelope,
    payload_type,
    require_signature,
    seal,
    verified_keyids,
)
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.keys import Key, key_of
from device.protocol.limits import ENVELOPE_BYTES_MAX, ORDER_BYTES_MAX, SIGNATURES_MAX
from tests.device.protocol.builders import LI, STRANGER, WANG, ZHANG, FixedKey

PAYLOAD = b'{"v":1}'
KEYS = {signer.key.keyid: signer.key for signer in (ZHANG, LI)}


def signed(*signers: FixedKey, name: str = "order", payload: bytes = PAYLOAD) -> Envelope:
    return seal(name, payload, signers)


def plain(*signers: FixedKey) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(signed(*signers).encode())
    return found


def code_of(raw: bytes, name: str = "order") -> str:
    try:
        verified_keyids(parse_envelope(raw, name), KEYS, verify)
    except ProtocolError as error:
        return error.code
    return ""


def test_3_1_a_keyid_is_the_hash_of_the_key_as_others_write_it() -> None:
    spki = ZHANG.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert ZHANG.key.keyid == hashlib.sha256(spki).hexdigest()
    assert key_of(ZHANG.key.point) == ZHANG.key


@pytest.mark.parametrize("point", [b"", b"\x04" * 64, b"\x02" + b"\x01" * 64, b"\x04" * 66])
def test_3_1_a_key_is_an_uncompressed_point(point: bytes) -> None:
    with pytest.raises(MalformedError):
        key_of(point)


def test_3_1_nobody_may_name_a_key_as_another() -> None:
    with pytest.raises(MalformedError, match="keyid does not match"):
        Key.from_plain(ZHANG.key.plain() | {"keyid": LI.key.keyid}, "key")


def test_3_1_no_other_scheme() -> None:
    with pytest.raises(MalformedError, match=r"key\.scheme"):
        Key.from_plain(ZHANG.key.plain() | {"scheme": "ed25519"}, "key")


def test_3_2_what_is_signed_is_the_encoding_of_dsse() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"  # the example of the DSSE specification
    )
    assert pae("类型", "中".encode()) == "DSSEv1 6 类型 3 中".encode()
    assert pae("t", b"\x00\xff%d") == b"DSSEv1 1 t 4 \x00\xff%d"


@given(st.text(max_size=8), st.binary(max_size=8), st.text(max_size=8), st.binary(max_size=8))
def test_3_2_no_two_documents_sign_the_same_bytes(kind: str, payload: bytes, kind2: str, payload2: bytes) -> None:
    assert (pae(kind, payload) == pae(kind2, payload2)) == ((kind, payload) == (kind2, payload2))


def test_3_2_an_envelope_is_read_as_it_was_written() -> None:
    envelope = signed(ZHANG, LI)
    again = parse_envelope(envelope.encode(), "order")
    assert again.payload == PAYLOAD
    assert again.encode() == envelope.encode()
    assert verified_keyids(again, KEYS, verify) == [ZHANG.key.keyid, LI.key.keyid]


def test_3_2_an_envelope_may_be_spelled_otherwise() -> None:
    assert code_of(json.dumps(plain(ZHANG), indent=1).encode()) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "e30"},
        {"payload": "e31="},
        {"payload": "e3 0="},
        {"payload": "===="},
        {"payload": "AAAAA"},
        {"payload": "e30=e30="},
        {"payload": ""},
        {"payload": None},
        {"payloadType": 1},
        {"payloadType": ""},
        {"signatures": []},
        {"signatures": {}},
        {"signatures": [{"keyid": ZHANG.key.keyid}]},
        {"signatures": [{"keyid": ZHANG.key.keyid.upper(), "sig": "AAAA"}]},
        {"signatures": [{"keyid": ZHANG.key.keyid, "sig": "AAA"}]},
        {"signatures": [{"keyid": ZHANG.key.keyid, "sig": "AAAA", "alg": "none"}]},
        {"signatures": plain(ZHANG)["signatures"] * (SIGNATURES_MAX + 1)},
        {"extra": 1},
    ],
)
def test_3_2_a_malformed_envelope_is_no_envelope(change: dict[str, Any]) -> None:
    assert code_of(json.dumps(plain(ZHANG) | change).encode()) == "DOCUMENT_MALFORMED"


def test_3_2_an_envelope_has_a_size() -> None:
    large = signed(ZHANG, payload=b"x" * ENVELOPE_BYTES_MAX).encode()
    assert code_of(large) == "", "an order may be longer"
    assert code_of(signed(ZHANG, payload=b"x" * ORDER_BYTES_MAX).encode()) == "DOCUMENT_TOO_LARGE"
    with pytest.raises(MalformedError, match="65536"):
        parse_envelope(signed(ZHANG, name="lease", payload=b"x" * ENVELOPE_BYTES_MAX).encode(), "lease")


@pytest.mark.parametrize("name", NAMES)
def test_3_3_an_envelope_of_another_type_is_not_taken(name: str) -> None:
    raw = signed(ZHANG, name=name).encode()
    assert payload_type(name) == f"application/vnd.frontbox.{name}.v1+json"
    assert code_of(raw, name) == ""
    assert {code_of(raw, other) for other in NAMES if other != name} == {"ENVELOPE_TYPE"}


def test_3_3_the_type_is_under_the_signature() -> None:
    renamed = plain(ZHANG) | {"payloadType": payload_type("notice")}
    assert code_of(json.dumps(renamed).encode(), "notice") == "SIGNATURE_INVALID"


def test_3_4_an_unknown_signature_is_ignored() -> None:
    envelope = signed(STRANGER, ZHANG, WANG)
    assert verified_keyids(envelope, KEYS, verify) == [ZHANG.key.keyid]


def test_3_4_no_known_signature() -> None:
    assert code_of(signed(STRANGER).encode()) == "SIGNER_UNKNOWN"


def test_3_4_one_bad_signature_of_a_known_key_rejects_all() -> None:
    value = plain(ZHANG, LI)
    value["signatures"][1]["sig"] = value["signatures"][0]["sig"]
    assert code_of(json.dumps(value).encode()) == "SIGNATURE_INVALID"


@pytest.mark.parametrize("length", [3, 63, 66, 72])
def test_3_4_a_signature_of_another_length_is_invalid(length: int) -> None:
    value = plain(ZHANG)
    value["signatures"][0]["sig"] = base64.b64encode(b"\x01" * length).decode()
    assert code_of(json.dumps(value).encode()) == "SIGNATURE_INVALID"


def test_3_4_a_key_that_signs_twice_is_one_key() -> None:
    assert verified_keyids(signed(ZHANG, ZHANG), KEYS, verify) == [ZHANG.key.keyid]


def test_3_4_one_of_the_given_keys_is_enough() -> None:
    require_signature(signed(LI), KEYS.values(), verify)
    with pytest.raises(ProtocolError, match="SIGNER_UNKNOWN"):
        require_signature(signed(LI), [ZHANG.key], verify)


SOUND = signed(ZHANG, LI).encode()


@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255))
def test_3_any_changed_byte_is_seen(at: int, flip: int) -> None:
    """Or changes nothing that is signed: the keyid of one signature may become a stranger's, and is then ignored."""
    raw = SOUND[:at] + bytes([SOUND[at] ^ flip]) + SOUND[at + 1 :]
    try:
        envelope = parse_envelope(raw, "order")
        keyids = verified_keyids(envelope, KEYS, verify)
    except ProtocolError:
        return
    assert envelope.payload == PAYLOAD
    assert len(keyids) < 2 or json.loads(raw) == json.loads(SOUND)


def test_3_5_a_document_is_known_by_its_payload() -> None:
    assert signed(ZHANG).document == signed(LI).document == hashlib.sha256(PAYLOAD).hexdigest()
