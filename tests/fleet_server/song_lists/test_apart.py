"""The process that reads song lists: same answer, bounded, and gone when it is done."""

import sys

import pytest

from fleet_server.song_lists import apart
from fleet_server.song_lists.apart import check_apart
from fleet_server.song_lists.check import check_file

SOUND = "song,title,artist\n100001,月亮代表我的心,邓丽君\n100002,Yesterday,The Beatles\n"


@pytest.mark.parametrize(
    "text", [SOUND, SOUND + ",no number,x\n", "", "title\nx\n", SOUND + '3,"open', "a\x85b,c\n", SOUND * 500]
)
def test_the_answer_is_the_same_as_here(text: str) -> None:
    raw = text.encode()
    assert check_apart(raw, {}) == check_file(raw, {})


def test_mapping_and_delimiter_are_passed_on() -> None:
    raw = "编号|名称\n1|甲\n".encode("gb18030")
    found = check_apart(raw, {"song": "编号", "title": "名称"}, "|")
    assert [song.title for song in found.songs] == ["甲"]


def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "WAIT_S_MAX", 0.001)
    found = check_apart(SOUND.encode(), {})
    assert (found.is_whole, found.findings[0].code) == (False, "FILE_COSTLY")


def test_a_reader_that_dies_is_a_finding_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert check_apart(SOUND.encode(), {}).findings[0].code == "FILE_COSTLY"


def test_a_file_above_the_limit_is_not_even_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "FILE_BYTES_MAX", 10)
    assert check_apart(SOUND.encode(), {}).findings[0].code == "FILE_TOO_LARGE"
