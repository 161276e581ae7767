"""Notices: texts of the authority that the venue must show (SPEC 12).

Delivery, display and acknowledgement are three facts: the receipt, `SHOWN shown`, `SHOWN acknowledged`. A
notice is kept until `show_until_ms` by proven time. Known, expired and addressed as with orders.
"""

from device.core import receipts
from device.core.facts import Fact
from device.protocol.errors import ProtocolError, RejectedError, SignatureError
from device.protocol.limits import NOTICES_MAX
from device.protocol.notices import Notice, accept_notice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.events import NoticeReceived, NoticeSeen
    from device.core.turn import Turn
    from device.protocol.notices import AcceptedNotice

SHOWN, ACKNOWLEDGED = "shown", "acknowledged"


class HeldNotice(Fact):
    """A notice that is shown, and which of the two further facts have happened."""

    notice: str
    document: str
    kind: str
    authority: str
    text_zh: str
    text_en: str
    issued_at_ms: int
    show_until_ms: int
    seen: "list[str]"
    FIELDS = (
        "notice",
        "document",
        "kind",
        "authority",
        "text_zh",
        "text_en",
        "issued_at_ms",
        "show_until_ms",
        "seen",
    )


class Notices:
    """The notices of one box, by number."""

    def __init__(self) -> None:
        self._held: dict[str, HeldNotice] = {}

    def find(self, notice: str) -> HeldNotice | None:
        return self._held.get(notice)

    def add(self, held: HeldNotice) -> None:
        self._held[held.notice] = held

    def all(self) -> "list[HeldNotice]":
        """By number."""
        return [self._held[notice] for notice in sorted(self._held)]

    @property
    def is_full(self) -> bool:
        return len(self._held) >= NOTICES_MAX

    def forget(self, now_ms: int | None) -> bool:
        """Drop what is past its time."""
        old = [held.notice for held in self._held.values() if now_ms is not None and held.show_until_ms < now_ms]
        for notice in old:
            del self._held[notice]
        return bool(old)


def notice_received(turn: "Turn", event: "NoticeReceived") -> None:
    """Show a notice, answer it again, or reject it."""
    memory = turn.memory
    if memory.claim is None:
        turn.refuse(event.request, 403, "BOX_UNCLAIMED")
        return
    if not memory.journal.is_available:
        turn.refuse(event.request, 503, "JOURNAL_UNAVAILABLE")
        return
    try:
        if memory.content.policy is None:
            raise SignatureError("SIGNER_UNKNOWN", "no authority policy is loaded")
        found = accept_notice(event.raw, memory.content.policy, memory.verify, memory.claim.region)
        subject = receipts.Subject(subject="notice", id=found.notice.notice, document=found.document)
        held = memory.notices.find(subject.id)
        if held is not None and held.document == subject.document:
            receipts.known(turn, event.request, subject, "NOTICE_REPLAYED")
            return
        _require_new(turn, found, memory.claim.venue, memory.claim.region)
    except ProtocolError as error:
        subject = receipts.subject_of("notice", event.raw, Notice.decode)
        entry = ("NOTICE", _body(subject, receipts.REJECTED, error.code))
        receipts.rejected(turn, event.request, subject, error.code, entry)
        return
    held = _held(found)
    memory.notices.add(held)
    turn.append("NOTICE", _body(subject, receipts.ACCEPTED, ""))
    turn.save()
    receipts.accepted(turn, event.request, subject)
    turn.push(notice_event(held))


def notice_seen(turn: "Turn", event: "NoticeSeen") -> None:
    """The venue showed or acknowledged a notice; only the first time of each is a fact."""
    memory = turn.memory
    held = memory.notices.find(event.notice)
    if event.what not in (SHOWN, ACKNOWLEDGED):
        turn.refuse(event.request, 422, "REQUEST_MALFORMED")
    elif held is None:
        turn.refuse(event.request, 404, "NOTICE_UNKNOWN")
    elif not memory.journal.is_available:
        turn.refuse(event.request, 503, "JOURNAL_UNAVAILABLE")
    else:
        if event.what not in held.seen:
            held.seen = sorted(held.seen + [event.what])
            turn.append("SHOWN", {"notice": held.notice, "what": event.what})
            turn.save()
        turn.reply(event.request, 200, {"notice": held.notice, "seen": held.seen})


def notice_event(held: HeldNotice) -> "dict[str, Any]":
    """What the VOD server is told at once (SPEC 15.4)."""
    return {
        "type": "notice",
        "notice": held.notice,
        "kind": held.kind,
        "text_zh": held.text_zh,
        "text_en": held.text_en,
        "show_until_ms": held.show_until_ms,
    }


def _require_new(turn: "Turn", found: "AcceptedNotice", venue: str, region: str) -> None:
    """SPEC 6.2 (8) to (10) as 12.1 applies them. Raises RejectedError."""
    notice, now_ms = found.notice, turn.proven_ms
    notices = turn.memory.notices
    if notices.find(notice.notice) is not None:
        raise RejectedError("NOTICE_EQUIVOCATION", f"{notice.notice} was accepted with other content")
    if now_ms is not None and now_ms > notice.show_until_ms:
        raise RejectedError("NOTICE_EXPIRED", f"{notice.notice} at {notice.show_until_ms}, now {now_ms}")
    if not notice.scope.names(venue, region):
        raise RejectedError("NOTICE_NOT_ADDRESSED", f"{notice.notice} is not for {venue} in {region}")
    if notices.is_full:
        raise RejectedError("NOTICE_TOO_MANY", f"{NOTICES_MAX} notices are shown already")


def _held(found: "AcceptedNotice") -> HeldNotice:
    notice = found.notice
    return HeldNotice(
        notice=notice.notice,
        document=found.document,
        kind=notice.kind,
        authority=notice.authority,
        text_zh=notice.text_zh,
        text_en=notice.text_en,
        issued_at_ms=notice.issued_at_ms,
        show_until_ms=notice.show_until_ms,
        seen=[],
    )


def _body(subject: receipts.Subject, result: str, code: str) -> "dict[str, object]":
    return {"notice": subject.id, "document": subject.document, "result": result, "code": code}
