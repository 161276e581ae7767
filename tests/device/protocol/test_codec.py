"""SPEC 2: strict in, canonical out."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device.protocol import codec
from device.protocol.codec import dumps, loads
from device.protocol.errors import MalformedError
from device.protocol.limits import DEPTH_MAX, INTEGER_MAX
from tests.device.protocol.malformed_json import MALFORMED

BYTES_MAX = 10_000
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
INTEGERS = st.integers(-INTEGER_MAX, INTEGER_MAX)
NAMES = st.text(st.characters(max_codepoint=126), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=5)


def code_of(raw: bytes, bytes_max: int = BYTES_MAX) -> str:
    with pytest.raises(MalformedError) as caught:
        loads(raw, bytes_max)
    return caught.value.code


def written_by_hand(value: Any) -> bytes:
    """As on MicroPython, whose `json` has no canonical form."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "_INTERPRETERS", None)
        return dumps(value)


@pytest.fixture(params=[dumps, written_by_hand])
def writer(request: pytest.FixtureRequest) -> Callable[[Any], bytes]:
    found: Callable[[Any], bytes] = request.param
    return found


@given(DOCUMENTS)
def test_2_3_what_is_written_is_read_again(value: dict[str, object]) -> None:
    raw = dumps(value)
    assert loads(raw, len(raw)) == value


@given(DOCUMENTS)
def test_2_3_the_canonical_form_is_that_of_cpython_for_ascii_names(value: dict[str, object]) -> None:
    """RFC 8785 for integers and text: sorted names, no space, only the escapes that must be."""
    assert dumps(value) == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(DOCUMENTS, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_2_2_every_spelling_of_cpython_is_read(value: dict[str, object], indent: int | str | None, ascii: bool) -> None:  # noqa: A002 - json's own word
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii).encode()
    assert loads(raw, len(raw)) == value


JSON_PIECES = [
    *'{}[]:,"\\/ 01-+.eE\tu',
    "\n",
    '"a"',
    "true",
    "false",
    "null",
    "\\u0041",
    "\\ud83d",
    "\\ude00",
    "é",
    "-0",
    "10",
]


def cpython_reads(raw: bytes) -> object:
    """The object that CPython's reader finds under the same rules; None where it refuses."""

    def whole(digits: str) -> int:
        if digits == "-0" or abs(int(digits)) > INTEGER_MAX:
            raise ValueError(digits)
        return int(digits)

    def never(text: str) -> object:
        raise ValueError(text)

    def distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError(pairs)
        return dict(pairs)

    try:
        value = json.loads(
            raw.decode(), parse_int=whole, parse_float=never, parse_constant=never, object_pairs_hook=distinct
        )
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


@given(st.lists(st.sampled_from(JSON_PIECES), max_size=12).map("".join))
@example('"\\ud83d\\ude00"')
@example('"\\ud83dA"')
def test_2_2_cpython_and_we_agree_on_every_scrap(inside: str) -> None:
    raw = ('{"a":' + inside + "}").encode()
    expected = cpython_reads(raw)
    if expected is None:
        assert code_of(raw) == "DOCUMENT_MALFORMED"
    else:
        assert loads(raw, BYTES_MAX) == expected


class Counted(str):
    """A text that counts how many of its characters are looked at."""

    looked = 0

    def find(self, *sought: Any) -> int:
        _, start, end = (*sought, len(self))[:3]
        at = super().find(*sought)
        self.looked += (end if at < 0 else at + 1) - start
        return at

    def __getitem__(self, place: Any) -> str:
        found = super().__getitem__(place)
        self.looked += len(found)
        return found


@pytest.mark.parametrize("end", ['"]}', "", '\\"]}', '\\"'])
@pytest.mark.parametrize(
    "piece", ["\\u00e9", '\\"', "\\\\", "\\ud83d\\ude00", '","', '","\\n', '\\n","a","', "é\\/é", " "]
)
def test_2_2_no_spelling_of_a_string_costs_more_than_its_length(piece: str, end: str) -> None:
    text = Counted('{"a":["' + 2_000 * piece + end)
    with suppress(MalformedError):
        codec._Reader(text).whole()
    assert len(text) <= text.looked <= 5 * len(text)


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_2_2_malformed(raw: bytes) -> None:
    assert code_of(raw) == "DOCUMENT_MALFORMED"


def test_2_1_a_document_is_nested_so_deep_and_no_deeper() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' + b"[" * depth + b"1" + b"]" * depth + b"}"

    assert loads(nested(DEPTH_MAX - 1), BYTES_MAX)
    assert code_of(nested(DEPTH_MAX)) == "DOCUMENT_MALFORMED"
    assert code_of(b'{"a":' + b"[" * BYTES_MAX, 2 * BYTES_MAX) == "DOCUMENT_MALFORMED"
    for space in (b"", b" "):
        assert code_of(b'{"a":' + space + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}") == "DOCUMENT_MALFORMED"


def test_2_2_a_document_is_so_large_and_no_larger() -> None:
    assert loads(b'{"a":1}', 7) == {"a": 1}
    assert code_of(b'{"a":1}', 6) == "DOCUMENT_TOO_LARGE"


@pytest.mark.parametrize("text", ["\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "\x7f\x80"])
def test_2_2_the_ends_of_the_ranges_of_utf8_are_read(text: str) -> None:
    assert loads(b'{"a":"' + text.encode() + b'"}', BYTES_MAX) == {"a": text}


@given(st.binary(max_size=8))
def test_2_2_what_is_not_utf8_is_malformed_and_nothing_else_is(raw: bytes) -> None:
    text = b'{"a":"' + raw.replace(b'"', b"").replace(b"\\", b"") + b'"}'
    try:
        is_sound = min(text.decode()) >= " "
    except UnicodeDecodeError:
        is_sound = False
    if is_sound:
        assert loads(text, BYTES_MAX) == json.loads(text)
    else:
        assert code_of(text) == "DOCUMENT_MALFORMED"


@pytest.mark.parametrize(
    "value",
    [{1: 1}, {"a": 1, 1: 1}, {"a": 1.0}, {"a": b""}, {"a": {1}}, {"a": "\ud800"}, {"a": 1 << 53}, {"a": -(1 << 53)}],
)
def test_2_2_what_no_document_can_hold_is_not_written(value: object, writer: Callable[[Any], bytes]) -> None:
    with pytest.raises(MalformedError):
        writer(value)


def test_2_3_tuples_are_arrays(writer: Callable[[Any], bytes]) -> None:
    assert writer({"a": (1, ()), "b": []}) == b'{"a":[1,[]],"b":[]}'


@given(DOCUMENTS)
def test_2_3_both_writers_write_the_same(value: dict[str, object]) -> None:
    assert written_by_hand(value) == dumps(value)


def test_2_3_the_deepest_document_is_written_and_no_deeper_one(writer: Callable[[Any], bytes]) -> None:
    value: object = 1
    for _ in range(DEPTH_MAX):
        value = {"a": value}
    writer(value)
    with pytest.raises(MalformedError):
        writer([value])
