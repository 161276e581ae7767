"""Venue codes are issued per county, once; only the own regions are seen."""

import pytest

from device.protocol.venue_code import format_venue_code
from fleet_server.http_errors import ProblemError
from fleet_server.venues.credit_code import require_credit_code
from tests.fleet_server.people.clients import People
from tests.fleet_server.venues.builders import a_venue


async def test_codes_count_up_and_bear_a_check_character(people: People) -> None:
    operator = people.client("op", ("operator", "310000"))
    codes = [(await operator.post("/api/v1/venues", json=a_venue(licence=str(n)))).json()["venue"] for n in (1, 2)]
    assert codes == ["J0131010100001Y", format_venue_code("310101", 2)]


async def test_the_same_venue_again_gets_the_same_code(people: People) -> None:
    operator = people.client("op", ("operator", "310000"))
    first = await operator.post("/api/v1/venues", json=a_venue())
    second = await operator.post("/api/v1/venues", json=a_venue())
    assert (first.json()["venue"], second.status_code) == (second.json()["venue"], 201)
    other = await operator.post("/api/v1/venues", json=a_venue(rooms=7))
    assert (other.status_code, other.json()["code"]) == (409, "VENUE_EXISTS")


async def test_a_mistyped_code_is_told_from_an_unknown_one(people: People) -> None:
    operator = people.client("op", ("operator", "000000"))
    assert (await operator.get("/api/v1/venues/J0131010100001X")).json()["code"] == "VENUE_CODE_CHECK"
    assert (await operator.get("/api/v1/venues/J0131010100001Y")).json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 1_000_000),
        ("name", "星光\u202egpj.exe"),
        ("name", "a\nb"),
        ("rooms", 0),
        ("rooms", "twelve"),
        ("region", "31010"),
        ("extra", 1),
    ],
)
async def test_a_bad_field_is_named_in_both_languages(people: People, field: str, value: object) -> None:
    operator = people.client("op", ("operator", "310000"))
    answer = await operator.post("/api/v1/venues", json=a_venue(**{field: value}))
    if answer.status_code == 413:
        return
    (error,) = answer.json()["fields"]
    assert (answer.status_code, error["field"]) == (422, f"/{field}")
    assert error["message_zh"]
    assert error["message_en"]


@pytest.mark.parametrize("region", ["310000", "440100", "999999", "500105"])
async def test_codes_are_issued_in_counties_in_use_only(people: People, region: str) -> None:
    operator = people.client("op", ("operator", "000000"))
    answer = await operator.post("/api/v1/venues", json=a_venue(region=region))
    assert answer.json()["code"] == "REGION_UNKNOWN"


@pytest.mark.parametrize("code", ["91110000600037341L", "92310101MA1FT0012W"])
def test_credit_codes_of_the_standard_are_accepted(code: str) -> None:
    assert require_credit_code(code) == code


def test_every_wrong_character_of_a_credit_code_is_found() -> None:
    good = "91110000600037341L"
    for at, char in enumerate(good):
        wrong = good[:at] + ("1" if char != "1" else "2") + good[at + 1 :]
        with pytest.raises(ProblemError):
            require_credit_code(wrong)
