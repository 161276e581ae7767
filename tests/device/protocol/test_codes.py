"""SPEC 18: a code has a sentence in both languages."""

import re

from device.protocol import codes
from device.protocol.errors import RejectedError


def test_18_every_code_has_two_sentences() -> None:
    for code, (zh, en) in codes.MESSAGES.items():
        assert re.fullmatch(r"[A-Z]+(_[A-Z0-9]+)*", code)
        assert len(code) <= 40
        assert re.search(r"[\u4e00-\u9fff]", zh)
        assert en.endswith(".")


def test_15_2_a_refusal_says_the_code_and_both_sentences() -> None:
    body = codes.refusal("SONG_BANNED", "r-1")
    zh, en = codes.MESSAGES["SONG_BANNED"]
    assert body == {"code": "SONG_BANNED", "message_zh": zh, "message_en": en, "request_id": "r-1"}


def test_15_2_the_detail_of_an_error_stays_behind() -> None:
    assert codes.refusal_of(RejectedError("SONG_BANNED", "secret"), "r-1") == codes.refusal("SONG_BANNED", "r-1")
