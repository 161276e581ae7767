"""Strict JSON in, canonical JSON out (SPEC 2).

One reader for both interpreters, because CPython's `json` cannot count depth and MicroPython's silently accepts
duplicate names; what one side of the wire accepts the other must not refuse.

Rules: SPEC 2.1-2.3. The reader works on the text once, from left to right, and never looks back. What is canonical
already does without it: the interpreter's `json` reads it many times faster, and since our writer gives back every
byte, it held nothing that the rules forbid.
"""

import json

from device.protocol.errors import MalformedError
from device.protocol.limits import DEPTH_MAX, INTEGER_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_WORDS = (("true", True), ("false", False), ("null", None))
_NAMES_OF_WORDS = {True: "true", False: "false", None: "null"}
_CONTROLS = [bytes([code]) for code in range(0x20)]
_DIGITS = "0123456789"
_HEX = "0123456789abcdefABCDEF"
_SPACE = " \t\r\n"
_is_ascii = getattr(bytes, "isascii", lambda _raw: False)
# The interpreter's own writer, where it can be told all that the canonical form is: MicroPython's cannot.
# Made once: `json.JSONEncoder` makes it anew for every document.
_make_writer = getattr(getattr(json, "encoder", None), "c_make_encoder", None)
_INTERPRETERS = _make_writer and _make_writer(
    None, json.JSONEncoder().default, json.encoder.encode_basestring, None, ":", ",", True, False, False
)
_NEVER_IN_UTF8 = (b"\xc0", b"\xc1", b"\xf5", b"\xf6", b"\xf7")
# After these lead bytes not every continuation byte may follow: lead, least, most (RFC 3629 clause 4).
_SECOND_BYTES = (
    (b"\xe0", b"\xa0", b"\xbf"),
    (b"\xed", b"\x80", b"\x9f"),
    (b"\xf0", b"\x90", b"\xbf"),
    (b"\xf4", b"\x80", b"\x8f"),
)


def loads(raw: bytes, bytes_max: int) -> "dict[str, Any]":
    """Read one document.

    Args:
        raw: the bytes as received.
        bytes_max: the limit of this kind of document, in bytes.

    Raises:
        MalformedError: `DOCUMENT_TOO_LARGE`, or `DOCUMENT_MALFORMED` with the place in characters.
    """
    if len(raw) > bytes_max:
        raise MalformedError("DOCUMENT_TOO_LARGE", f"{len(raw)} bytes, at most {bytes_max}")
    # Space around the object goes at once: character by character it costs MicroPython the square of its length.
    raw = bytes(raw).strip(b" \t\r\n")
    text = _text(raw)
    value = _canonical_value(text, raw)
    if value is None:
        value = _Reader(text).whole()
    if not isinstance(value, dict):
        raise MalformedError("DOCUMENT_MALFORMED", "a document is an object")
    return value


def dumps(value: "Any") -> bytes:
    """Write the canonical form (RFC 8785): the same value always gives the same bytes.

    Raises MalformedError (`DOCUMENT_MALFORMED`) for what a document cannot hold.
    """
    if _INTERPRETERS is None:
        return _by_hand(value)
    _require_plain(value, 0)
    return _utf8("".join(_INTERPRETERS(value, 0)))


def dumps_checked(value: "Any") -> bytes:
    """The same for a value every field of which has passed its check (`shape.py`): nothing but what it can hold."""
    return _by_hand(value) if _INTERPRETERS is None else "".join(_INTERPRETERS(value, 0)).encode()


def _by_hand(value: "Any") -> bytes:
    """`dumps` on an interpreter whose own writer has no canonical form."""
    raw = _encoded(value, _quoted)
    # Asked once of the whole and not of every string: few hold any.
    if any([control in raw for control in _CONTROLS]):
        raw = _encoded(value, _quoted_by_character)
    return raw


def _text(raw: bytes) -> str:
    _require_shortest_utf8(bytes(raw))
    try:
        return bytes(raw).decode()
    except UnicodeError:
        raise MalformedError("DOCUMENT_MALFORMED", "not UTF-8")


def _require_shortest_utf8(raw: bytes) -> None:
    """Refuse overlong forms, surrogates and what is above U+10FFFF, all of which MicroPython decodes without a word."""
    if _is_ascii(raw):
        return
    for never in _NEVER_IN_UTF8:
        if never in raw:
            raise MalformedError("DOCUMENT_MALFORMED", "not UTF-8")
    for lead, least, most in _SECOND_BYTES:
        at = raw.find(lead)
        while at >= 0:
            if not least <= raw[at + 1 : at + 2] <= most:
                raise MalformedError("DOCUMENT_MALFORMED", "not UTF-8")
            at = raw.find(lead, at + 1)


def _canonical_value(text: str, raw: bytes) -> "Any":
    """The value of a text in canonical form; None for every other text, sound or not."""
    try:
        value = json.loads(text)
        return value if dumps(value) == raw else None
    except (ValueError, RuntimeError, MalformedError):
        # No JSON; nested so deep that the interpreter gives up; nothing that a document can hold.
        return None


class _Reader:
    """The text and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, what: str) -> MalformedError:
        return MalformedError("DOCUMENT_MALFORMED", f"{what}, at character {self.at}")

    def skip_space(self) -> None:
        text, at, end = self.text, self.at, len(self.text)
        while at < end and text[at] in _SPACE:
            at += 1
        self.at = at

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def whole(self) -> "Any":
        value = self.value(0)
        self.skip_space()
        if self.at != len(self.text):
            raise self.error("nothing may follow the document")
        return value

    def value(self, depth: int) -> "Any":
        self.skip_space()
        first = self.peek()
        if first == '"':
            return self.string()
        if depth >= DEPTH_MAX and first in ("{", "["):
            raise self.error(f"nested deeper than {DEPTH_MAX}")
        if first == "{":
            return self.object(depth)
        if first == "[":
            return self.array(depth)
        if first == "-" or (first and first in _DIGITS):
            return self.integer()
        for word, value in _WORDS:
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        raise self.error("a value was expected")

    def object(self, depth: int) -> "dict[str, Any]":
        found: dict[str, Any] = {}
        self.at += 1
        self.skip_space()
        if self.peek() == "}":
            self.at += 1
            return found
        while True:
            self.skip_space()
            if self.peek() != '"':
                raise self.error("a name was expected")
            name = self.string()
            if name in found:
                raise self.error(f"the name {name!r} stands twice")
            self.skip_space()
            if self.peek() != ":":
                raise self.error("a colon was expected")
            self.at += 1
            found[name] = self.value(depth + 1)
            if self.ends_with("}"):
                return found

    def array(self, depth: int) -> "list[Any]":
        found: list[Any] = []
        self.at += 1
        self.skip_space()
        if self.peek() == "]":
            self.at += 1
            return found
        while True:
            found.append(self.value(depth + 1))
            if self.ends_with("]"):
                return found

    def ends_with(self, closing: str) -> bool:
        """Take the comma that goes on or the bracket that ends."""
        self.skip_space()
        mark = self.peek()
        if mark not in (",", closing) or not mark:
            raise self.error(f"a comma or {closing} was expected")
        self.at += 1
        return mark == closing

    def integer(self) -> int:
        start = self.at
        end = start + 1
        while self.text[end : end + 1] and self.text[end] in _DIGITS:
            end += 1
        digits = self.text[start:end]
        after = self.text[end : end + 1]
        plain = digits[1:] if digits[0] == "-" else digits
        if not plain or (plain[0] == "0" and (len(plain) > 1 or digits[0] == "-")):
            raise self.error("a number without leading zero was expected")
        # The count of digits is asked before int() so that a million digits cost nothing.
        if (after and after in ".eE") or len(plain) > 16:
            raise self.error("an integer within 2^53 was expected")
        value = int(digits)
        if value > INTEGER_MAX or value < -INTEGER_MAX:
            raise self.error("an integer within 2^53 was expected")
        self.at = end
        return value

    def string(self) -> str:
        start = self.at + 1
        quote = self.text.find('"', start)
        if quote < 0:
            raise self.error("the string has no end")
        plain = self.text[start:quote]
        if "\\" not in plain:
            self._require_no_control(plain)
            self.at = quote + 1
            return plain
        return self._escaped(start, quote)

    def _escaped(self, start: int, quote: int) -> str:
        """A string that has escapes, the first quotation mark of which stands at `quote`.

        Where that is stays known until an escape takes it: looked for at each escape, it would cost the square of the
        string's length.
        """
        parts: list[str] = []
        self.at = start
        while True:
            slash = self.text.find("\\", self.at, quote)
            plain = self.text[self.at : quote if slash < 0 else slash]
            self._require_no_control(plain)
            parts.append(plain)
            if slash < 0:
                self.at = quote + 1
                return "".join(parts)
            self.at = slash + 1
            parts.append(self._escape())
            if self.at > quote:
                quote = self.text.find('"', self.at)
                if quote < 0:
                    raise self.error("the string has no end")

    def _escape(self) -> str:
        mark = self.peek()
        self.at += 1
        if mark in _ESCAPES:
            return _ESCAPES[mark]
        if mark != "u":
            raise self.error("unknown escape")
        unit = self._unit()
        if 0xD800 <= unit < 0xDC00 and self.text.startswith("\\u", self.at):
            self.at += 2
            low = self._unit()
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        if 0xD800 <= unit < 0xE000:
            raise self.error("lone surrogate")
        return chr(unit)

    def _unit(self) -> int:
        digits = self.text[self.at : self.at + 4]
        if len(digits) != 4 or digits.strip(_HEX):
            raise self.error("four hexadecimal digits were expected")
        self.at += 4
        return int(digits, 16)

    def _require_no_control(self, plain: str) -> None:
        if plain and min(plain) < " ":
            raise self.error("control character in a string")


def _require_plain(value: "Any", depth: int) -> None:
    """Raise MalformedError for what a document cannot hold; strings are looked at when they become bytes."""
    is_number = isinstance(value, int)
    if value is None or isinstance(value, (str, bool)) or (is_number and -INTEGER_MAX <= value <= INTEGER_MAX):
        return
    if is_number:
        raise MalformedError("DOCUMENT_MALFORMED", f"{value} is beyond 2^53")
    if not isinstance(value, (dict, list, tuple)):
        raise MalformedError("DOCUMENT_MALFORMED", f"a document cannot hold {type(value).__name__}")
    if depth >= DEPTH_MAX:
        raise MalformedError("DOCUMENT_MALFORMED", f"nested deeper than {DEPTH_MAX}")
    for item in _items_of(value) if isinstance(value, dict) else value:
        kind = type(item)  # most are one of these two, and need no call
        if kind is not str and not (kind is int and -INTEGER_MAX <= item <= INTEGER_MAX):
            _require_plain(item, depth + 1)


def _items_of(value: "dict[Any, Any]") -> "Iterable[Any]":
    for name in value:
        if not isinstance(name, str):
            raise MalformedError("DOCUMENT_MALFORMED", "a name is a string")
    return value.values()


def _encoded(value: "Any", quoted: "Callable[[str], str]") -> bytes:
    parts: list[str] = []
    _write(value, parts, quoted, 0)
    return _utf8("".join(parts))


def _utf8(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeError:
        raise MalformedError("DOCUMENT_MALFORMED", "lone surrogate")
    _require_shortest_utf8(raw)
    return raw


def _write(value: "Any", parts: "list[str]", quoted: "Callable[[str], str]", depth: int) -> None:
    if isinstance(value, str):
        parts.append(quoted(value))
    elif value is None or isinstance(value, bool):
        parts.append(_NAMES_OF_WORDS[value])
    elif isinstance(value, int):
        if value > INTEGER_MAX or value < -INTEGER_MAX:
            raise MalformedError("DOCUMENT_MALFORMED", f"{value} is beyond 2^53")
        parts.append(str(value))
    elif depth >= DEPTH_MAX:
        raise MalformedError("DOCUMENT_MALFORMED", f"nested deeper than {DEPTH_MAX}")
    elif isinstance(value, dict):
        _write_object(value, parts, quoted, depth)
    elif isinstance(value, (list, tuple)):
        _write_array(value, parts, quoted, depth)
    else:
        raise MalformedError("DOCUMENT_MALFORMED", f"a document cannot hold {type(value).__name__}")


def _write_array(
    value: "list[Any] | tuple[Any, ...]", parts: "list[str]", quoted: "Callable[[str], str]", depth: int
) -> None:
    mark = "["
    for item in value:
        parts.append(mark)
        _write(item, parts, quoted, depth + 1)
        mark = ","
    parts.append("[]" if mark == "[" else "]")


def _write_object(value: "dict[str, Any]", parts: "list[str]", quoted: "Callable[[str], str]", depth: int) -> None:
    mark = "{"
    # MicroPython's reader lets numbers pass for names.
    if not all([isinstance(name, str) for name in value]):
        raise MalformedError("DOCUMENT_MALFORMED", "a name is a string")
    # All names are ASCII (SPEC 2.3), so this order is also that of RFC 8785, by UTF-16 units.
    for name in sorted(value):
        parts.append(f"{mark}{quoted(name)}:")
        _write(value[name], parts, quoted, depth + 1)
        mark = ","
    parts.append("{}" if mark == "{" else "}")


def _quoted(text: str) -> str:
    """A string without control characters."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if '"' in text:
        text = text.replace('"', '\\"')
    return f'"{text}"'


def _quoted_by_character(text: str) -> str:
    parts = [_SHORT.get(char) or (char if char >= " " else f"\\u{ord(char):04x}") for char in text]
    return f'"{"".join(parts)}"'
