"""Sound bodies: what the codec of the protocol refuses is refused here too, and quickly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.protocol.codec import loads
from device.protocol.errors import MalformedError
from fleet_server.http_json import UnsoundJsonError, require_sound_json

SOUND = ["{", "}", "[", "]", ":", ",", '"a"', '"a":1', "1", "null", "true", '"\\ud83d\\ude00"', " ", "\n", "一", "-"]
UNSOUND = ["-0", "01", "1.5", "1e3", "NaN", "9" * 17, "9007199254740992", '"\\ud800"', '"\\u0000"', "\x00", '"', "\\"]
PIECES = st.sampled_from(SOUND + UNSOUND)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_the_codec_refuses_is_refused(text: str) -> None:
    raw = ("{" + text + "}").encode()
    try:
        loads(raw, 1_000)
    except MalformedError:
        # Spelled otherwise, the same value: the one thing that only a document must not do.
        if "-0" in text or "\\u0000" in text:
            return
        with pytest.raises(UnsoundJsonError):
            require_sound_json(raw)


@given(st.dictionaries(st.text(max_size=5), st.lists(st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5))))
def test_a_sound_body_passes(value: dict[str, object]) -> None:
    for raw in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode()):
        assert is_sound(raw)
        assert not is_sound(raw[:-1]), "cut short"
        assert not is_sound(b'{"x":1.5,' + raw[1:]), "the same with a fraction in it"


def is_sound(raw: bytes) -> bool:
    try:
        require_sound_json(raw)
    except UnsoundJsonError:
        return False
    return True


@pytest.mark.parametrize("raw", [b"[]", b"1", b"", b'{"a":1}{}', b"{" * 100_000, b'{"a":' * 17 + b"1" + b"}" * 17])
def test_what_is_no_shallow_object_is_refused(raw: bytes) -> None:
    with pytest.raises(UnsoundJsonError):
        require_sound_json(raw)
