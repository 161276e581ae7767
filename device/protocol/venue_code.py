"""Venue codes (场所编码, SPEC 4.2).

`J01` for song-and-dance venues (GA/T 852.1-2009), the region of issue (GB/T 2260), five digits of sequence: the
filing number of GA/T 852.2-2009; and one check character by the scheme of GB 32100-2015 over the fourteen before it,
which finds every single wrong character and every swap of neighbours.

    format_venue_code("310101", 1)  # "J0131010100001Y"
"""

from device.protocol.errors import MalformedError
from device.protocol.regions import is_region

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100: without I, O, S, V, Z
LENGTH = 15
SEQUENCE_MAX = 99_999
_CATEGORY = "J01"


def check_character(first14: str) -> str:
    """The check character of fourteen characters of the alphabet."""
    total = 0
    weight = 1
    for char in first14:
        total += ALPHABET.index(char) * weight
        weight = weight * 3 % 31
    return ALPHABET[(31 - total % 31) % 31]


def format_venue_code(region: str, sequence: int) -> str:
    """The code of the venue with this sequence number, 1 to 99,999, in its region of issue."""
    if not is_region(region) or not 1 <= sequence <= SEQUENCE_MAX:
        raise MalformedError("VENUE_CODE_FORM", f"region {region!r}, sequence {sequence}")
    first14 = f"{_CATEGORY}{region}{sequence:05d}"
    return first14 + check_character(first14)


def require_venue_code(text: str) -> str:
    """The code itself; raises MalformedError `VENUE_CODE_FORM` or `VENUE_CODE_CHECK`."""
    digits = text[3:14]
    if len(text) != LENGTH or not text.startswith(_CATEGORY) or not all([char in ALPHABET for char in text]):
        raise MalformedError("VENUE_CODE_FORM", "15 characters, J01 first, without I, O, S, V, Z")
    if not all([char in "0123456789" for char in digits]) or not is_region(digits[:6]):
        raise MalformedError("VENUE_CODE_FORM", "a region of six digits and a sequence of five")
    if check_character(text[:14]) != text[14]:
        raise MalformedError("VENUE_CODE_CHECK", "one character is wrong or two are swapped")
    return text
