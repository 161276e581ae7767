"""SPEC 6.1, 6.2 (1) to (7): which orders are orders. One sound order; each test changes one fact."""

import itertools
from typing import Any

import pytest

from device.crypto.p256 import verify
from device.protocol.envelope import parse_envelope, seal
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.limits import (
    ENDS_MAX,
    GRACE_S_MAX,
    ORDER_ACCEPTED_FOR_MS,
    ORDER_BYTES_MAX,
    ROOMS_MAX,
    TARGETS_MAX,
    VENUES_MAX,
)
from device.protocol.orders import Order, Scope, Target, accept_order
from device.protocol.venue_code import format_venue_code
from tests.device.protocol.builders import (
    CHEN,
    HOUR_MS,
    LI,
    NOW_MS,
    OTHER_VENUES,
    REGION,
    STRANGER,
    VENUE,
    WANG,
    ZHANG,
    ZHANG_AT_HOME,
    ZHAO,
    FixedKey,
    ban,
    lift,
    order_envelope,
    policy,
    resume,
    service,
    stop,
)

ROOMS = Scope(venues=(VENUE,), region="", rooms=("K1", "K2"))


def code_of(order: Order, *signers: FixedKey, region: str = REGION) -> str:
    return code_of_raw(order_envelope(order, *signers), region)


def code_of_raw(raw: bytes, region: str = REGION) -> str:
    try:
        accept_order(raw, policy(), verify, region)
    except ProtocolError as error:
        return error.code
    return ""


def is_malformed(order: Order) -> bool:
    try:
        order.encode()
    except MalformedError as error:
        return error.code in {"DOCUMENT_MALFORMED", "VENUE_CODE_CHECK"}
    return False


@pytest.mark.parametrize(
    "order", [stop(), stop(scope=ROOMS), resume(), ban(), lift(), service()], ids=lambda order: order.kind
)
def test_6_1_every_kind_is_read_as_it_was_written(order: Order) -> None:
    again = Order.decode(order.encode())
    assert again == order
    assert again.replace() == order
    assert hash(again) == hash(order)


def test_6_1_only_the_fields_of_its_kind_travel() -> None:
    assert b"targets" not in stop().encode()
    assert b"grace_s" not in ban().encode()
    assert b"ends_at_ms" not in resume().encode()
    assert stop().ends == ()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "close"},
        {"ends_at_ms": None},
        {"ends_at_ms": NOW_MS},
        {"grace_s": GRACE_S_MAX + 1},
        {"expires_at_ms": NOW_MS},
        {"expires_at_ms": NOW_MS + ORDER_ACCEPTED_FOR_MS + 1},
        {"document": ""},
        {"basis": "x" * 201},
        {"text_zh": ""},
        {"text_zh": "停\u202e业"},
        {"drafted_by": "Zhang"},
        {"authority": "310001"},
        {"order": "310101-2026-123"},
        {"scope": Scope(venues=(), region="")},
        {"scope": Scope(venues=(VENUE, VENUE), region="")},
        {"scope": Scope(venues=("J0131010100001X",), region="")},
        {"scope": Scope(venues=tuple(format_venue_code("310101", n + 1) for n in range(VENUES_MAX + 1)), region="")},
        {"scope": Scope(venues=(), region="31")},
        {"scope": Scope(venues=(VENUE,), region="", rooms=("K1", "K1"))},
        {"scope": Scope(venues=(VENUE,), region="", rooms=("K 1",))},
        {"scope": Scope(venues=(VENUE,), region="", rooms=tuple(f"K{n}" for n in range(ROOMS_MAX + 1)))},
        {"scope": Scope(venues=(VENUE, OTHER_VENUES[0]), region="", rooms=("K1",))},
        {"scope": None},
    ],
)
def test_6_1_a_stop_that_breaks_its_form_is_not_written(change: dict[str, Any]) -> None:
    assert is_malformed(stop(**change))


@pytest.mark.parametrize(
    "order",
    [
        resume(ends=()),
        resume(ends=("310101-2026-000123",) * 2),
        resume(ends=tuple(f"310101-2026-{n:06d}" for n in range(ENDS_MAX + 1))),
        ban(scope=ROOMS),
        resume(scope=ROOMS),
        service(scope=ROOMS),
        service(scope=Scope(venues=(), region="310101")),
        service(scope=Scope(venues=(VENUE, OTHER_VENUES[0]), region="")),
        service(action="open-doors"),
        service(opening=0),
        ban(targets=()),
        ban(targets=(Target(by="song", id="1"),)),
        ban(targets=(Target(by="work", id=""),)),
        ban(targets=tuple(Target(by="work", id=str(n)) for n in range(TARGETS_MAX + 1))),
    ],
)
def test_6_1_an_ending_or_a_ban_that_breaks_its_form_is_not_written(order: Order) -> None:
    assert is_malformed(order)


@pytest.mark.parametrize(
    "order",
    [
        stop(expires_at_ms=NOW_MS + ORDER_ACCEPTED_FOR_MS, grace_s=GRACE_S_MAX, ends_at_ms=NOW_MS + 1),
        stop(scope=Scope(venues=tuple(format_venue_code("310101", n + 1) for n in range(VENUES_MAX)), region="")),
        stop(scope=Scope(venues=(VENUE,), region="", rooms=tuple(f"K{n}" for n in range(ROOMS_MAX)))),
        resume(ends=tuple(f"310101-2026-{n:06d}" for n in range(ENDS_MAX))),
        ban(targets=tuple(Target(by="version", id=f"S-{n}") for n in range(TARGETS_MAX)), ends_at_ms=NOW_MS + 1),
    ],
)
def test_6_1_the_largest_orders_are_orders(order: Order) -> None:
    assert Order.decode(order.encode()) == order


@pytest.mark.parametrize(
    ("kind", "name"), [("stop", "targets"), ("stop", "ends"), ("ban", "ends"), ("resume", "grace_s")]
)
def test_6_1_a_name_of_another_kind_is_unknown(kind: str, name: str) -> None:
    raw = {"stop": stop(), "ban": ban(), "resume": resume()}[kind].encode()
    with pytest.raises(MalformedError, match="unknown names"):
        Order.decode(raw.replace(b'"v":1', f'"{name}":[],"v":1'.encode()))


@pytest.mark.parametrize(("by", "digits"), [("version", 20), ("work", 20), ("file", 64), ("picture", 64)])
def test_17_a_list_of_7000_bans_goes_in_one_order(by: str, digits: int) -> None:
    targets = tuple(Target(by=by, id=f"{n:0{digits}d}") for n in range(TARGETS_MAX))
    raw = seal("order", ban(targets=targets).encode(), (ZHANG, WANG)).encode()
    assert len(raw) < ORDER_BYTES_MAX
    assert Order.decode(parse_envelope(raw, "order").payload).targets == targets


def test_6_1_a_scope_is_venues_or_region_and_not_both() -> None:
    both = stop().encode().replace(b'"scope":{', b'"scope":{"region":"310101",')
    with pytest.raises(MalformedError, match="unknown names"):
        Order.decode(both)


def test_6_2_two_officers_of_the_county_are_heard() -> None:
    accepted = accept_order(order_envelope(stop()), policy(), verify, REGION)
    assert accepted.order == stop()
    assert [person.person for person in accepted.persons] == ["zhang", "li"]
    assert accepted.document == parse_envelope(order_envelope(stop(), LI, ZHANG), "order").document


@pytest.mark.parametrize("signers", list(itertools.permutations([ZHANG, LI, STRANGER])))
def test_6_2_neither_sequence_nor_strangers_matter(signers: tuple[FixedKey, ...]) -> None:
    assert code_of(stop(), *signers) == ""


def test_6_2_1_the_envelope_is_sound() -> None:
    raw = order_envelope(stop())
    assert code_of_raw(raw[:-1]) == "DOCUMENT_MALFORMED"
    assert code_of_raw(seal("notice", stop().encode(), [ZHANG, LI]).encode()) == "ENVELOPE_TYPE"
    assert code_of_raw(raw.replace(b'"sig":"', b'"sig":"AAAA', 1)) == "SIGNATURE_INVALID"
    assert code_of(stop(), STRANGER) == "SIGNER_UNKNOWN"


def test_6_2_2_one_person_is_not_enough() -> None:
    assert code_of(stop(), ZHANG) == "ORDER_THRESHOLD"
    assert code_of(stop(), ZHANG, STRANGER) == "ORDER_THRESHOLD"


def test_6_2_2_two_keys_of_one_person_are_one_voice() -> None:
    assert code_of(stop(), ZHANG, ZHANG_AT_HOME) == "ORDER_SAME_PERSON"


def test_6_2_2_two_signatures_of_one_key_are_one_voice() -> None:
    assert code_of(stop(), ZHANG, ZHANG) == "ORDER_SAME_PERSON"


def test_6_2_2_two_keys_of_one_person_and_another_person_are_two_voices() -> None:
    assert code_of(stop(), ZHANG, ZHANG_AT_HOME, LI) == ""


def test_6_2_3_the_payload_is_an_order() -> None:
    for payload in (
        b"{}",
        b"[1]",
        b'{"v":2}',
        stop().encode().replace(b'"stop"', b'"halt"'),
        b'{"v":1,"kind":["stop"]}',
    ):
        assert code_of_raw(seal("order", payload, [ZHANG, LI]).encode()) == "ORDER_MALFORMED"


def test_6_2_4_the_drafter_has_signed() -> None:
    assert code_of(stop(drafted_by="li")) == ""
    assert code_of(stop(drafted_by="wang")) == "ORDER_DRAFTER"


def test_6_2_5_every_signer_may_sign_the_kind() -> None:
    assert code_of(ban(), ZHANG, LI) == "ORDER_NOT_ENTITLED"
    assert code_of(ban(), ZHANG, WANG) == ""
    assert code_of(ban(), ZHANG, WANG, LI) == "ORDER_NOT_ENTITLED"


def test_6_2_5_is_asked_of_everybody_before_6() -> None:
    """Zhang's county does not contain the province (6), li may not sign a ban (5): (5) comes first for all."""
    order = ban(order="310000-2026-000001", authority="310000")
    assert code_of(order, ZHANG, LI) == "ORDER_NOT_ENTITLED"


def test_6_2_6_a_signer_acts_within_the_own_region() -> None:
    assert code_of(stop(order="310000-2026-000001", authority="310000"), ZHANG, WANG) == "ORDER_REGION"
    assert code_of(stop(order="310000-2026-000001", authority="310000", drafted_by="wang"), WANG, CHEN) == ""
    assert code_of(stop(drafted_by="zhao"), ZHAO, CHEN) == ""


def test_6_2_6_the_number_is_of_the_authority() -> None:
    assert code_of(stop(order="310102-2026-000123")) == "ORDER_REGION"


def test_6_2_6_the_authority_contains_the_scope() -> None:
    def province(region: str) -> Order:
        scope = Scope(venues=(), region=region)
        return stop(order="310000-2026-000001", authority="310000", drafted_by="wang", scope=scope)

    assert code_of(province("310101"), WANG, CHEN) == ""
    assert code_of(province("310000"), WANG, CHEN) == ""
    assert code_of(province("320000"), WANG, CHEN) == "ORDER_REGION"
    assert code_of(province("000000"), WANG, CHEN) == "ORDER_REGION"


def test_6_2_6_the_authority_contains_the_box() -> None:
    assert code_of(stop(), region="310102") == "ORDER_REGION"
    assert code_of(stop(), region="310000") == "ORDER_REGION"


def test_6_2_6_the_server_is_in_no_region() -> None:
    assert code_of(stop(), region="") == ""


def test_6_2_7_a_level_names_so_many_venues() -> None:
    assert code_of(stop(scope=Scope(venues=(VENUE, OTHER_VENUES[0]), region=""))) == ""
    assert code_of(stop(scope=Scope(venues=(VENUE, *OTHER_VENUES), region=""))) == "ORDER_SCOPE_LIMIT"


def test_6_2_7_a_region_is_more_than_any_list() -> None:
    assert code_of(stop(scope=Scope(venues=(), region="310101"))) == "ORDER_SCOPE_LIMIT"


def test_6_2_7_a_level_without_limit_gives_no_order() -> None:
    city = stop(order="310100-2026-000001", authority="310100", drafted_by="wang")
    assert code_of(city, WANG, CHEN) == "ORDER_SCOPE_LIMIT"


@pytest.mark.parametrize(
    ("scope", "venue", "region", "named"),
    [
        (Scope(venues=(VENUE,), region=""), VENUE, "320101", True),
        (Scope(venues=(VENUE,), region=""), OTHER_VENUES[0], "310101", False),
        (Scope(venues=(), region="310100"), OTHER_VENUES[0], "310101", True),
        (Scope(venues=(), region="310100"), VENUE, "310201", False),
    ],
)
def test_6_2_10_whom_a_scope_names(scope: Scope, venue: str, region: str, named: bool) -> None:
    assert scope.names(venue, region) is named


def test_an_order_says_all_of_itself() -> None:
    assert f"ends_at_ms={NOW_MS + 720 * HOUR_MS}" in repr(stop())
