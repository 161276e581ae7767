"""The two-person rule, every state against every pair of persons."""

import itertools
from collections.abc import Callable

import pytest

from fleet_server.http_errors import ProblemError
from fleet_server.orders.approval import (
    DRAFT,
    ISSUED,
    SIGNED,
    WITHDRAWN,
    Pending,
    require_approvable,
    require_signable,
)

UNTIL_MS = 1_000


def code(check: Callable[[Pending, str, str, int], None], state: str, signer: str, actor: str, now_ms: int = 0) -> str:
    pending = Pending("310101-2026-000123", state, "zhang", UNTIL_MS)
    try:
        check(pending, signer, actor, now_ms)
    except ProblemError as error:
        return error.code
    return ""


def test_of_all_pairs_only_another_person_for_himself_approves_and_only_what_the_drafter_signed() -> None:
    people = ("zhang", "li", "wang")
    approved = {
        (state, signer, actor)
        for state, signer, actor in itertools.product((DRAFT, SIGNED, ISSUED, WITHDRAWN), people, people)
        if not code(require_approvable, state, signer, actor)
    }
    assert approved == {(SIGNED, "li", "li"), (SIGNED, "wang", "wang")}


def test_of_all_pairs_only_the_drafter_signs_the_draft() -> None:
    people = ("zhang", "li")
    signed = {
        (state, signer, actor)
        for state, signer, actor in itertools.product((DRAFT, SIGNED, ISSUED, WITHDRAWN), people, people)
        if not code(require_signable, state, signer, actor)
    }
    assert signed == {(DRAFT, "zhang", "zhang"), (SIGNED, "zhang", "zhang")}  # the same again is the same answer


@pytest.mark.parametrize("check", [require_signable, require_approvable])
@pytest.mark.parametrize(
    ("state", "now_ms", "wanted"),
    [(SIGNED, UNTIL_MS + 1, "DRAFT_EXPIRED"), (ISSUED, 0, "ORDER_ALREADY_APPROVED"), (WITHDRAWN, 0, "ORDER_WITHDRAWN")],
)
def test_what_is_closed_says_why(
    check: Callable[[Pending, str, str, int], None], state: str, now_ms: int, wanted: str
) -> None:
    assert code(check, state, "li", "li", now_ms) == wanted


def test_a_draft_lives_to_its_last_millisecond() -> None:
    assert code(require_approvable, SIGNED, "li", "li", UNTIL_MS) == ""
