"""SPEC 4.2: venue codes. The codes below are those of the domain research, computed by other means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.protocol.errors import MalformedError
from device.protocol.venue_code import ALPHABET, SEQUENCE_MAX, check_character, format_venue_code, require_venue_code

CODES = ["J0131010100001Y", "J0150010300176E", "J01410105000517"]


def code_of(text: str) -> str:
    try:
        require_venue_code(text)
    except MalformedError as error:
        return error.code
    return ""


@pytest.mark.parametrize("code", CODES)
def test_4_2_known_codes(code: str) -> None:
    assert require_venue_code(code) == code
    assert format_venue_code(code[3:9], int(code[9:14])) == code


@given(st.integers(110_000, 659_999).map(str), st.integers(1, SEQUENCE_MAX))
def test_4_2_what_is_formatted_is_accepted(region: str, sequence: int) -> None:
    if region[2:4] != "00" or region[4:] == "00":
        assert code_of(format_venue_code(region, sequence)) == ""


@pytest.mark.parametrize("code", CODES)
def test_4_2_every_single_wrong_character_is_found(code: str) -> None:
    wrong = [code[:at] + char + code[at + 1 :] for at in range(15) for char in ALPHABET if char != code[at]]
    assert len(wrong) == 15 * 30
    assert [text for text in wrong if code_of(text) == ""] == []


@pytest.mark.parametrize("code", CODES)
def test_4_2_the_check_alone_finds_every_wrong_character_and_swap(code: str) -> None:
    first14, check = code[:14], code[14]
    wrong = [first14[:at] + char + first14[at + 1 :] for at in range(14) for char in ALPHABET if char != code[at]]
    swaps = [first14[:at] + first14[at + 1] + first14[at] + first14[at + 2 :] for at in range(13)]
    wrong += [text for text in swaps if text != first14]
    assert [text for text in wrong if check_character(text) == check] == []


@pytest.mark.parametrize("code", CODES)
def test_4_2_every_swap_of_neighbours_is_found(code: str) -> None:
    for at in range(14):
        swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
        assert swapped == code or code_of(swapped)


@pytest.mark.parametrize(
    "text",
    ["", CODES[0][:14], CODES[0] + "0", CODES[0].lower(), "J02" + CODES[0][3:], "J01000001000010", "J0131O10100001Y",
     "J0131010100001O", "J01A1010100001Y", "J01310101000A1Y", "Ｊ0131010100001Y", "J01３10101000１Y"],
)  # fmt: skip
def test_4_2_another_form_is_told_apart_from_a_slip(text: str) -> None:
    assert code_of(text) == "VENUE_CODE_FORM"


def test_4_2_a_slip_is_called_a_slip() -> None:
    assert code_of("J0131010100001X") == "VENUE_CODE_CHECK"


@pytest.mark.parametrize(("region", "sequence"), [("31010", 1), ("310001", 1), ("310101", 0), ("310101", 100_000)])
def test_4_2_no_code_is_made_of_what_is_none(region: str, sequence: int) -> None:
    with pytest.raises(MalformedError, match="VENUE_CODE_FORM"):
        format_venue_code(region, sequence)
