"""SPEC 12.1: notices; and SPEC 6.5: receipts."""

from typing import Any

import pytest

from device.crypto.p256 import verify
from device.protocol.envelope import seal
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.notices import Notice, accept_notice
from device.protocol.orders import Scope
from device.protocol.receipts import Receipt
from tests.device.protocol.builders import (
    CHEN,
    LI,
    NOW_MS,
    OTHER_VENUES,
    REGION,
    STRANGER,
    VENUE,
    WANG,
    ZHANG,
    ZHANG_AT_HOME,
    FixedKey,
    notice,
    policy,
    receipt,
)


def code_of(document: Notice, *signers: FixedKey, region: str = REGION) -> str:
    try:
        accept_notice(seal("notice", document.encode(), signers or (ZHANG,)).encode(), policy(), verify, region)
    except ProtocolError as error:
        return error.code
    return ""


def test_12_1_a_notice_is_read_as_it_was_written() -> None:
    assert Notice.decode(notice().encode()) == notice()
    by_region = notice(scope=Scope(venues=(), region="310100"))
    assert Notice.decode(by_region.encode()) == by_region


def test_12_1_one_officer_is_enough() -> None:
    raw = seal("notice", notice().encode(), [ZHANG]).encode()
    accepted = accept_notice(raw, policy(), verify, REGION)
    assert accepted.notice == notice()
    assert len(accepted.document) == 64


@pytest.mark.parametrize("change", [{"show_until_ms": NOW_MS}, {"kind": "order"}, {"text_zh": ""}])
def test_12_1_a_notice_that_breaks_its_form_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        notice(**change).encode()


def test_12_1_the_payload_is_a_notice() -> None:
    raw = seal("notice", b'{"v":1}', [ZHANG]).encode()
    with pytest.raises(ProtocolError, match="NOTICE_MALFORMED"):
        accept_notice(raw, policy(), verify)


def test_12_1_the_issuer_has_signed() -> None:
    assert code_of(notice(), ZHANG_AT_HOME) == ""
    assert code_of(notice(), WANG, ZHANG) == ""
    assert code_of(notice(), WANG) == "NOTICE_ISSUER"
    assert code_of(notice(), STRANGER) == "SIGNER_UNKNOWN"


def test_12_1_the_issuer_may_issue_notices_there() -> None:
    assert code_of(notice(issued_by="li"), LI) == "NOTICE_NOT_ENTITLED"
    assert code_of(notice(authority="310102", notice="310102-2026-T00001")) == "NOTICE_REGION"
    assert code_of(notice(notice="310102-2026-T00001")) == "NOTICE_REGION"
    assert code_of(notice(), region="310102") == "NOTICE_REGION"
    assert code_of(notice(scope=Scope(venues=(), region="310000"))) == "NOTICE_REGION"


def test_12_1_a_level_names_so_many_venues() -> None:
    assert code_of(notice(scope=Scope(venues=(VENUE, *OTHER_VENUES), region=""))) == "NOTICE_SCOPE_LIMIT"
    city = notice(notice="310100-2026-T00001", authority="310100", issued_by="chen")
    assert code_of(city, CHEN) == "NOTICE_SCOPE_LIMIT"


@pytest.mark.parametrize("at_ms", [None, NOW_MS])
def test_6_5_a_receipt_is_read_as_it_was_written(at_ms: int | None) -> None:
    document = receipt(at_ms=at_ms)
    assert Receipt.decode(document.encode()) == document
