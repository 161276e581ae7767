"""SPEC 1.3, 3.2: base64 with one spelling."""

import base64
import binascii

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device.protocol import base64_text
from device.protocol.errors import MalformedError


@given(st.binary(max_size=100))
def test_1_3_base64_is_that_of_others(raw: bytes) -> None:
    text = base64.b64encode(raw).decode()
    assert base64_text.encode(raw) == text
    assert base64_text.decode(text) == raw


@given(st.text("AQgw+/=-_ \n", max_size=9))
@example("AAAAA")
@example("====")
@example("AA==AA==")
@example("AB==")
@example("AAB=")
@example("中文中文")
def test_3_2_there_is_no_second_spelling(text: str) -> None:
    try:
        is_sound = base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except (binascii.Error, ValueError):
        is_sound = False
    if is_sound:
        assert base64_text.encode(base64_text.decode(text)) == text
    else:
        with pytest.raises(MalformedError):
            base64_text.decode(text)
