"""Records, documents, and the checks of single fields (SPEC 2.2, 2.4, 2.5, 4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.protocol import shape
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.limits import INSTANT_MAX
from device.protocol.record import Document, Record


class Pair(Record):
    left: str
    right: "tuple[str, ...]"

    SHAPE = (("left", shape.NAME), ("right", shape.array(shape.NAME, 2)))


class Sheet(Document):
    count: int
    pair: "Pair | None"
    table: "dict[str, Any]"

    BYTES_MAX = 100
    SHAPE = (
        ("count", shape.integer(1, 9)),
        ("pair", shape.maybe(shape.record(Pair))),
        ("table", lambda value, _where: value),
    )


PAIR = Pair(left="a", right=("b",))
SHEET = Sheet(count=3, pair=PAIR, table={"x": (PAIR,)})
RAW = b'{"count":3,"pair":{"left":"a","right":["b"]},"table":{"x":[{"left":"a","right":["b"]}]},"v":1}'


def test_2_3_a_document_is_written_canonically_and_read_again() -> None:
    assert SHEET.encode() == RAW
    assert Sheet.decode(RAW) == SHEET
    assert Sheet.decode(RAW).pair == PAIR


def test_records_are_equal_by_class_and_fields() -> None:
    class Other(Record):
        SHAPE = Pair.SHAPE

    assert Pair(left="a", right=("b",)) == PAIR
    assert hash(PAIR) == hash(Pair(left="a", right=("b",)))
    assert Pair(left="a", right=()) != PAIR
    assert Other(left="a", right=("b",)) != PAIR
    assert PAIR != "a"
    assert repr(PAIR) == "Pair(left='a', right=('b',))"


def test_a_record_can_be_made_with_other_values() -> None:
    assert PAIR.replace(left="z") == Pair(left="z", right=("b",))
    assert PAIR.left == "a"


def test_a_record_has_exactly_its_fields() -> None:
    with pytest.raises(TypeError, match="needs right"):
        Pair(left="a")  # type: ignore[call-arg]  # what mypy finds, a program without mypy must find too
    with pytest.raises(TypeError, match=r"has no \['up'\]"):
        Pair(left="a", right=(), up=1)  # type: ignore[call-arg]  # what mypy finds, a program without mypy must find too


@pytest.mark.parametrize("version", ["2", "0", "true", '"1"', "null", "[1]"])
def test_2_4_another_version_is_told_apart_from_a_malformed_document(version: str) -> None:
    with pytest.raises(MalformedError, match="DOCUMENT_VERSION"):
        Sheet.decode(b'{"v":' + version.encode() + b',"new":1}')


def test_2_4_a_document_without_version_is_of_none() -> None:
    with pytest.raises(MalformedError, match="DOCUMENT_VERSION"):
        Sheet.decode(b"{}")


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"v":1}', "Sheet.count is missing"),
        (RAW.replace(b'"v":1', b'"v":1,"w":1'), r"unknown names \['w'\]"),
        (RAW.replace(b'"count":3', b'"count":0'), "Sheet.count must be an integer"),
        (RAW.replace(b'{"left":"a","right":["b"]},', b"[],"), "Sheet.pair must be an object"),
        (RAW.replace(b'["b"]', b'["B"]', 1), r"Sheet.pair.right\[0\] must be"),
    ],
)
def test_2_2_a_wrong_field_is_named(raw: bytes, place: str) -> None:
    with pytest.raises(MalformedError, match=place) as caught:
        Sheet.decode(raw)
    assert caught.value.code == "DOCUMENT_MALFORMED"


def test_nothing_unsound_is_written() -> None:
    with pytest.raises(MalformedError, match=r"Sheet\.count"):
        SHEET.replace(count=10).encode()
    with pytest.raises(MalformedError, match="DOCUMENT_TOO_LARGE"):
        SHEET.replace(table={"x": "y" * 99}).encode()


def test_2_2_a_document_has_a_size_of_its_own() -> None:
    with pytest.raises(MalformedError, match="DOCUMENT_TOO_LARGE"):
        Sheet.decode(RAW + b" " * 100)


def test_an_error_says_its_code_and_its_reason() -> None:
    assert str(ProtocolError("A_CODE", "why")) == "A_CODE: why"
    assert str(ProtocolError("A_CODE")) == "A_CODE"


def verdict(check: "shape.Check", value: object) -> bool:
    """Whether the check lets the value pass, unchanged but for arrays."""
    try:
        found = check(value, "here")
    except MalformedError:
        return False
    assert found == (tuple(value) if isinstance(value, list) else value)
    return True


GOOD: list[tuple["shape.Check", list[object]]] = [
    (shape.INSTANT, [0, INSTANT_MAX]),
    (shape.integer(2, 4), [2, 3, 4]),
    (shape.boolean, [True, False]),
    (shape.one_of("a", "b"), ["a", "b"]),
    (shape.free_text(1, 3), ["a", "中文字", "a b", "\U0001f600"]),
    (shape.TEXT, ["", "x" * 500]),
    (shape.word("ab", 1, 3), ["a", "aba"]),
    (shape.NONCE, ["0123456789abcdef" * 2]),
    (shape.maybe(shape.NAME), [None, "a"]),
    (shape.or_empty(shape.NONCE), ["", "0" * 32]),
    (shape.array(shape.NAME, 2, 1), [["a"], ["a", "a"]]),
    (shape.distinct(shape.NAME, 2), [[], ["a", "b"]]),
    (shape.REGION, ["000000", "310000", "310100", "310101"]),
    (shape.VENUE, ["J0131010100001Y"]),
    (shape.BOX, ["KTV-0000", "KTV-" + "Z" * 32]),
    (shape.ROOM, ["1", "中文包厢", "x" * 16]),
    (shape.PERSON, ["a", "zhang.wei-2", "x" * 32]),
    (shape.SONG, ["a", "SONG_00-1", "9" * 20]),
    (shape.ORDER_NUMBER, ["310101-2026-000001"]),
    (shape.NOTICE_NUMBER, ["310101-2026-T00001"]),
    (shape.VERSION_NUMBER, ["0.0.0", "10.2.33"]),
    (shape.CODE, ["", "ORDER_REGION", "A" * 40]),
    (shape.PATH, ["a", "catalog/catalog-12.bin", "a/.b/..c/d..", "x" * 200]),
    (shape.BASE64, ["AAAA", "ab+/", "AA=="]),
]

BAD: list[tuple["shape.Check", list[object]]] = [
    (shape.INSTANT, [-1, INSTANT_MAX + 1, "1", None, True, False, 1.0]),
    (shape.integer(2, 4), [1, 5]),
    (shape.boolean, [1, 0, None, "true"]),
    (shape.one_of("a", "b"), ["c", "", "A", None, 1, ["a"], {}]),
    (shape.free_text(1, 3), ["", "abcd", None, 1, "a\n", "\x7f", "\x80", "\x9f", "\ud800"]),
    (shape.TEXT, ["x" * 501, *"\x00\x1f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff"]),
    (shape.word("ab", 1, 3), ["", "abab", "c", "acb", "a中", None, 1, ["a"]]),
    (shape.NONCE, ["", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "0" * 31 + "\n"]),
    (shape.maybe(shape.NAME), ["", 0, False]),
    (shape.or_empty(shape.NONCE), ["0", None, 0, []]),
    (shape.array(shape.NAME, 2, 1), [[], ["a", "a", "a"], "a", None, {"a": 1}, ["A"]]),
    (shape.distinct(shape.NAME, 2), [["a", "a"], [["a"]]]),
    (shape.REGION, ["", "31010", "3101011", "31010x", "000001", "000100", "310001", 310101, None, "３10101"]),
    (shape.VENUE, ["", "J0131010100001X", None, 1]),
    (shape.BOX, ["KTV-000", "KTV-" + "Z" * 33, "ktv-0000", "KTV-00a0", "KTV-00-0", "KTV 0000", None, "XKTV-000"]),
    (shape.ROOM, ["", "x" * 17, "a b", "a\u3000b", "a\tb", None]),
    (shape.PERSON, ["", "x" * 33, "Zhang", "zhang_wei", "zhāng"]),
    (shape.SONG, ["", "9" * 21, "a b", "a.b", "歌"]),
    (shape.ORDER_NUMBER, ["310101-2026-00001", "310101-2026-0000011", "310101_2026-000001", "31010a-2026-000001", 1]),
    (shape.NOTICE_NUMBER, ["310101-2026-000001", "310101-2026-t00001", "310101-2026-T0000N"]),
    (shape.VERSION_NUMBER, ["", "1", "1.2", "1.2.3.4", "01.2.3", "1..3", "1.2.a", "1.2.-3", None, "1.2." + "3" * 40]),
    (shape.CODE, ["order", "A" * 41, "A-B", None]),
    (shape.PATH, ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a b", "a\\b", "x" * 201, None]),
    (shape.BASE64, ["", "AAA", "AA A", "AA-_", "AAA\n", None]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "values"), GOOD)
def test_2_2_what_lies_within_the_bounds_passes(check: "shape.Check", values: list[object]) -> None:
    assert [value for value in values if not verdict(check, value)] == []


@pytest.mark.parametrize(("check", "values"), BAD)
def test_2_2_what_lies_beyond_the_bounds_is_malformed(check: "shape.Check", values: list[object]) -> None:
    assert [value for value in values if verdict(check, value)] == []


@given(st.text(max_size=12), st.text(min_size=1, max_size=8))
def test_a_text_consists_of_an_alphabet_if_each_character_does(text: str, alphabet: str) -> None:
    assert shape.consists_of(text, alphabet) == all(char in alphabet for char in text)
