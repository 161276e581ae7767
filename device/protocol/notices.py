"""Notices to venues: 通知, 公告, 警示 (SPEC 12).

One officer's signature is enough: a notice changes nothing but what is read. Otherwise the rules are those of orders.
"""

from device.protocol.envelope import parse_envelope, verified_keyids
from device.protocol.errors import MalformedError, ProtocolError, RejectedError
from device.protocol.orders import Scope, require_entitled, require_scope, scope
from device.protocol.record import Document
from device.protocol.shape import INSTANT, NOTICE_NUMBER, PERSON, REGION, TEXT, free_text, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from device.protocol.keys import Verify
    from device.protocol.policy import AuthorityPolicy


class Notice(Document):
    """A text that the venue's box shows until `show_until_ms`."""

    notice: str
    kind: str
    authority: str
    issued_by: str
    scope: Scope
    text_zh: str
    text_en: str
    issued_at_ms: int
    show_until_ms: int

    SHAPE = (
        ("notice", NOTICE_NUMBER),
        ("kind", one_of("notice", "announcement", "warning")),
        ("authority", REGION),
        ("issued_by", PERSON),
        ("scope", scope),
        ("text_zh", free_text(1)),
        ("text_en", TEXT),
        ("issued_at_ms", INSTANT),
        ("show_until_ms", INSTANT),
    )

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        notice = super().from_plain(value, where)
        if notice.show_until_ms <= notice.issued_at_ms:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}.show_until_ms is not after its issue")
        return notice


class AcceptedNotice:
    """A notice that an entitled officer signed, with its identity."""

    def __init__(self, notice: Notice, document: str) -> None:
        self.notice = notice
        self.document = document


def accept_notice(raw: bytes, policy: "AuthorityPolicy", verify: "Verify", region: str = "") -> AcceptedNotice:
    """Ask SPEC 12.1 of an envelope's bytes; `region` as in `accept_order`.

    Raises ProtocolError with the code of the first rule that fails.
    """
    envelope = parse_envelope(raw, "notice")
    persons = policy.persons_of(verified_keyids(envelope, policy.officers_keys(), verify))
    try:
        notice = Notice.decode(envelope.payload)
    except ProtocolError as error:
        raise MalformedError("NOTICE_MALFORMED", str(error))
    if notice.issued_by not in [person.person for person in persons]:
        raise RejectedError("NOTICE_ISSUER", f"issued by {notice.issued_by}, who has not signed")
    require_entitled(persons, "notice", notice.authority, "NOTICE")
    require_scope(policy, notice.notice, notice.authority, notice.scope, region, "NOTICE")
    return AcceptedNotice(notice, envelope.document)
