"""Administrative regions by their GB/T 2260 code (SPEC 4.1).

Six digits: province, city, county, two each; `000000` is the country. The code says what contains what; which codes
exist, their names and their dates are the fleet server's table.
"""

COUNTRY_CODE = "000000"

COUNTRY, PROVINCE, CITY, COUNTY = 1, 2, 3, 4


def is_region(text: str) -> bool:
    """Whether the text has the form of a region code: nothing may stand below an empty pair."""
    if len(text) != 6 or not all([char in "0123456789" for char in text]):
        return False
    return not (text[:2] == "00" and text != COUNTRY_CODE) and not (text[2:4] == "00" and text[4:] != "00")


def level(region: str) -> int:
    """1 country, 2 province, 3 city, 4 county. The smaller number is the higher authority."""
    if region == COUNTRY_CODE:
        return COUNTRY
    if region[2:] == "0000":
        return PROVINCE
    return CITY if region[4:] == "00" else COUNTY


def contains(outer: str, inner: str) -> bool:
    """Whether `inner` is `outer` or lies below it."""
    return inner.startswith(outer[: 2 * (level(outer) - 1)])
