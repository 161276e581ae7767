"""One key has one key id (SPEC 5.1)."""

from base64 import b64encode
from typing import Any

import pytest

from device.crypto.p256 import SigningKey
from device.protocol.errors import ProtocolError
from device.protocol.root_keys import require_distinct_keys, require_strict

_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def a_key(key: SigningKey | None = None, line: int = 64) -> dict[str, Any]:
    der = _PREFIX + (key or SigningKey.generate()).key.point
    text = b64encode(der).decode()
    lines = [text[start : start + line] for start in range(0, len(text), line)]
    pem = "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
    return {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}


def refused(signed: dict[str, Any]) -> str:
    with pytest.raises(ProtocolError) as caught:
        require_distinct_keys(signed)
    return caught.value.code


def is_taken(signed: dict[str, Any]) -> bool:
    try:
        require_distinct_keys(signed)
    except ProtocolError:
        return False
    return True


def test_different_keys_are_taken_and_the_same_documents_with_one_of_them_twice_are_not() -> None:
    for place in (lambda keys: {"keys": keys}, lambda keys: {"delegations": {"keys": keys}}):
        keys = {"a": a_key(), "b": a_key()}
        assert is_taken(place(keys))
        assert not is_taken(place(keys | {"c": keys["a"]}))


@pytest.mark.parametrize("signed", [{"targets": {}}, {"delegations": None}, {"delegations": {}}, {"keys": {}}])
def test_a_document_without_keys_is_taken(signed: dict[str, Any]) -> None:
    assert is_taken(signed)
    assert not is_taken(signed | {"delegations": None, "keys": {"a": {}}})


@pytest.mark.parametrize("line", [64, 32, 1000])
def test_one_key_under_two_ids_is_refused_however_it_is_written(line: int) -> None:
    key = SigningKey.generate()
    assert refused({"keys": {"a": a_key(key), "b": a_key(key, line)}}) == "ROOT_DUPLICATE_KEY"
    assert refused({"delegations": {"keys": {"a": a_key(key, line), "b": a_key(key)}}}) == "ROOT_DUPLICATE_KEY"


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"keyval": {}, "scheme": "ecdsa-sha2-nistp256"},
        {"keyval": {"public": 7}, "scheme": "ecdsa-sha2-nistp256"},
        "a string",
        a_key() | {"scheme": "ed25519"},
        a_key() | {"keyval": {"public": "04ab"}},
        a_key() | {"keyval": {"public": "-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----"}},
    ],
)
def test_a_key_of_another_form_is_refused(key: Any) -> None:
    assert refused({"keys": {"a": key}}) == "DOCUMENT_MALFORMED"


def test_a_second_encoding_of_a_point_is_refused() -> None:
    """A compressed point would be the same key with another text."""
    point = SigningKey.generate().key.point
    der = (
        bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + bytes([2 + point[64] % 2]) + point[1:33]
    )
    pem = f"-----BEGIN PUBLIC KEY-----\n{b64encode(der).decode()}\n-----END PUBLIC KEY-----"
    assert refused({"keys": {"a": a_key() | {"keyval": {"public": pem}}}}) == "DOCUMENT_MALFORMED"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"version":1,"version":2}',
        b'{"x":NaN}',
        b'{"version":1.0}',
        b'{"signed":{"version":true}}',
        b'{"roles":[{"threshold":false}]}',
        b'{"meta":{"a":{"length":true}}}',
        b'{"x":' + b"[" * 16 + b"]" * 16 + b"}",
        b"[]",
        b'{"x":"' + b"x" * 99 + b'"}',
    ],
)
def test_5_1_metadata_is_as_strict_as_any_document(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match="DOCUMENT_"):
        require_strict(raw, 99)


def test_5_1_what_tuf_does_not_know_is_sound() -> None:
    sound = b' {"x-new": [{"terminating": true, "versions": null}], "version": 1}'
    require_strict(sound, len(sound))
    with pytest.raises(ProtocolError, match="DOCUMENT_TOO_LARGE"):
        require_strict(sound, len(sound) - 1)
