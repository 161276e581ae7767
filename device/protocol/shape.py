"""Checks of single fields: each takes a JSON value and its place and returns the value, or raises MalformedError.

Words of SPEC 2.2 (bounds), 2.5 (free text), 4 (names). Checks that bear a name in capitals are ready to use; the
others make a check from their bounds.
"""

from device.protocol import base64_text
from device.protocol.errors import MalformedError
from device.protocol.limits import INSTANT_MAX, INTEGER_MAX, TEXT_CHARS_MAX
from device.protocol.regions import is_region
from device.protocol.venue_code import require_venue_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Check = Callable[[Any, str], Any]

_LOWER_HEX = "0123456789abcdef"
_DIGITS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_PRINTABLE = "".join([chr(code) for code in range(0x20, 0x7F)])
# SPEC 2.5: what reorders or breaks lines makes a person read something else than was signed.
_UNREADABLE = (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF)


def integer(least: int = 0, most: int = INTEGER_MAX) -> "Check":
    def check(value: "Any", where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be an integer from {least} to {most}")
        return value

    return check


def boolean(value: "Any", where: str) -> bool:
    if not isinstance(value, bool):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be true or false")
    return value


def one_of(*words: str) -> "Check":
    def check(value: "Any", where: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be one of {', '.join(words)}")
        return value

    return check


def free_text(least: int = 0, most: int = TEXT_CHARS_MAX) -> "Check":
    """SPEC 2.5, length in characters."""

    def check(value: "Any", where: str) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most or not is_readable(value):
            raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be readable text of {least} to {most} characters")
        return value

    return check


def is_readable(text: str) -> bool:
    if consists_of(text, _PRINTABLE):
        return True
    for char in text:
        code = ord(char)
        if code < 0x20 or 0x7F <= code < 0xA0 or code in _UNREADABLE:
            return False
        if 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or 0xD800 <= code < 0xE000:
            return False
    return True


def word(alphabet: str, least: int, most: int) -> "Check":
    """Text of the given characters only."""

    def check(value: "Any", where: str) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most or not consists_of(value, alphabet):
            raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be {least} to {most} characters of {alphabet}")
        return value

    return check


def consists_of(text: str, alphabet: str) -> bool:
    """Whether every character is of the alphabet: what it strips to nothing, and at the speed of the interpreter."""
    return not text.strip(alphabet)


def hexadecimal(size: int) -> "Check":
    """Lower-case hexadecimal of `size` bytes."""
    return word(_LOWER_HEX, 2 * size, 2 * size)


def or_empty(check: "Check") -> "Check":
    """The check, or the empty text."""

    def checked(value: "Any", where: str) -> "Any":
        return value if value == "" else check(value, where)

    return checked


def maybe(check: "Check") -> "Check":
    """The check, or null."""

    def checked(value: "Any", where: str) -> "Any":
        return None if value is None else check(value, where)

    return checked


def array(check: "Check", most: int, least: int = 0) -> "Check":
    """A tuple of checked items."""

    def checked(value: "Any", where: str) -> "tuple[Any, ...]":
        if not isinstance(value, (list, tuple)) or not least <= len(value) <= most:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be an array of {least} to {most} items")
        return tuple([check(item, f"{where}[{index}]") for index, item in enumerate(value)])

    return checked


def distinct(check: "Check", most: int, least: int = 0) -> "Check":
    """An array of words in which none stands twice."""
    checked = array(check, most, least)

    def unique(value: "Any", where: str) -> "tuple[Any, ...]":
        found: tuple[Any, ...] = checked(value, where)
        if len(set(found)) != len(found):
            raise MalformedError("DOCUMENT_MALFORMED", f"{where} names something twice")
        return found

    return unique


def record(kind: "Any") -> "Check":
    """An object of the shape of the record class `kind`."""

    def check(value: "Any", where: str) -> "Any":
        return kind.from_plain(value, where)

    return check


def _region(value: "Any", where: str) -> str:
    if not isinstance(value, str) or not is_region(value):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be a region code of six digits (SPEC 4.1)")
    return value


def _venue(value: "Any", where: str) -> str:
    if not isinstance(value, str):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be a venue code (SPEC 4.2)")
    return require_venue_code(value)


def _box(value: "Any", where: str) -> str:
    if not isinstance(value, str) or not is_box(value):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be a box id (SPEC 4.3)")
    return value


def is_box(text: str) -> bool:
    """SPEC 4.3."""
    return text.startswith("KTV-") and 8 <= len(text) <= 36 and consists_of(text[4:], _DIGITS + _UPPER)


def _room(value: "Any", where: str) -> str:
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= 16
        or not is_readable(value)
        or " " in value
        or "　" in value
    ):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be 1 to 16 printable characters (SPEC 4.4)")
    return value


def _number(value: "Any", where: str, shape: str) -> str:
    if not isinstance(value, str) or len(value) != len(shape) or not is_region(value[:6]):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must have the form {shape} (SPEC 4.5)")
    for char, mark in zip(value, shape):
        if (char not in _DIGITS) if mark in "RYN" else char != mark:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where} must have the form {shape} (SPEC 4.5)")
    return value


def _order_number(value: "Any", where: str) -> str:
    return _number(value, where, "RRRRRR-YYYY-NNNNNN")


def _notice_number(value: "Any", where: str) -> str:
    return _number(value, where, "RRRRRR-YYYY-TNNNNN")


def _version_number(value: "Any", where: str) -> str:
    """`MAJOR.MINOR.PATCH`, each without leading zero (SPEC 13.1)."""
    parts = value.split(".") if isinstance(value, str) and len(value) <= 32 else []
    plain = [part for part in parts if part and consists_of(part, _DIGITS) and (part == "0" or part[0] != "0")]
    if len(parts) != 3 or len(plain) != 3:
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must have the form MAJOR.MINOR.PATCH (SPEC 13.1)")
    return str(value)


def _path(value: "Any", where: str) -> str:
    """A target's path: below its folder, whatever a reader does with it (SPEC 8.1)."""
    path: str = _PATH_WORD(value, where)
    if any([part in ("", ".", "..") for part in path.split("/")]):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must not leave its folder")
    return path


def _base64(value: "Any", where: str) -> str:
    """Base64 of at least one byte, in its one spelling (SPEC 1.3)."""
    if not isinstance(value, str) or not value:
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be base64")
    base64_text.decode(value)
    return value


REGION = _region
VENUE = _venue
BOX = _box
ROOM = _room
ORDER_NUMBER = _order_number
NOTICE_NUMBER = _notice_number
VERSION_NUMBER = _version_number
INSTANT = integer(0, INSTANT_MAX)
COUNT = integer(0)
TEXT = free_text()
SHA256 = hexadecimal(32)
KEYID = hexadecimal(32)
NONCE = hexadecimal(16)
PERSON = word(_LOWER + _DIGITS + ".-", 1, 32)
SONG = word(_UPPER + _LOWER + _DIGITS + "_-", 1, 20)
CODE = word(_UPPER + _DIGITS + "_", 0, 40)
NAME = word(_LOWER + _DIGITS + "-", 1, 40)
PATH = _path
_PATH_WORD = word(_LOWER + _UPPER + _DIGITS + "._-/", 1, 200)
BASE64 = _base64
