"""The two-person rule, as this server asks it. Pure. The box asks it again, of the signatures (SPEC 6.2).

Rules:

1. The drafter signs first. A draft that nobody has signed cannot be approved.
2. The one who approves is another person than the drafter, whatever accounts and keys either has.
3. Whoever signs is the person who is signed in: a found key is no use without its owner's session, and the other way
   round.
4. A draft waits at most DRAFT_FOR_MS; after that, or once withdrawn, it is dead. An order is approved once.
"""

from dataclasses import dataclass

from device.protocol.limits import DAY_MS
from fleet_server.http_errors import ProblemError

DRAFT_FOR_MS = 3 * DAY_MS

DRAFT, SIGNED, ISSUED, WITHDRAWN = "draft", "signed", "issued", "withdrawn"


@dataclass(frozen=True, slots=True)
class Pending:
    """An order on its way to being issued."""

    order: str
    state: str
    drafted_by: str
    draft_until_ms: int


def require_signable(pending: Pending, signer: str, actor: str, now_ms: int) -> None:
    """Whether `signer`'s signature, handed in by `actor`, makes the draft a signed one.

    Raises ProblemError: ORDER_ALREADY_APPROVED, ORDER_WITHDRAWN, DRAFT_EXPIRED, ORDER_DRAFTER, SIGNER_NOT_YOU.
    """
    require_open(pending, now_ms)
    if signer != pending.drafted_by:
        raise ProblemError("ORDER_DRAFTER", f"signed by {signer}, drafted by {pending.drafted_by}")
    if signer != actor:
        raise ProblemError("SIGNER_NOT_YOU", f"{actor} is signed in, {signer} has signed")


def require_approvable(pending: Pending, signer: str, actor: str, now_ms: int) -> None:
    """Whether `signer`'s signature, handed in by `actor`, makes the signed draft an order.

    Raises ProblemError: as above, and ORDER_THRESHOLD, ORDER_SAME_PERSON.
    """
    require_open(pending, now_ms)
    if pending.state != SIGNED:
        raise ProblemError("ORDER_THRESHOLD", f"{pending.drafted_by} has not signed yet")
    if pending.drafted_by in (signer, actor):
        raise ProblemError("ORDER_SAME_PERSON", f"{pending.drafted_by} has drafted it")
    if signer != actor:
        raise ProblemError("SIGNER_NOT_YOU", f"{actor} is signed in, {signer} has signed")


def require_open(pending: Pending, now_ms: int) -> None:
    """Rule 4. Raises ProblemError: ORDER_ALREADY_APPROVED, ORDER_WITHDRAWN, DRAFT_EXPIRED."""
    if pending.state == ISSUED:
        raise ProblemError("ORDER_ALREADY_APPROVED", pending.order)
    if pending.state == WITHDRAWN:
        raise ProblemError("ORDER_WITHDRAWN", pending.order)
    if now_ms > pending.draft_until_ms:
        raise ProblemError("DRAFT_EXPIRED", pending.order)
