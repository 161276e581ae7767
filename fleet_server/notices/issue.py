"""From text to notice: the server writes it, one officer signs it, it goes out (SPEC 12.1)."""

from dataclasses import dataclass

from sqlalchemy import insert, select

from device.crypto.p256 import verify
from device.protocol import topics
from device.protocol.errors import ProtocolError
from device.protocol.notices import AcceptedNotice, Notice, accept_notice
from device.protocol.orders import Scope, require_entitled, require_scope
from device.protocol.policy import AuthorityPolicy
from fleet_server.boxes import Addressee, Impact, addressees, impact, require_jurisdiction
from fleet_server.http_errors import ProblemError
from fleet_server.mailroom import Outgoing
from fleet_server.notices.model import notice_venues, notices
from fleet_server.numbering import next_notice
from fleet_server.people import Act


@dataclass(frozen=True, slots=True)
class Text:
    """What the officer wants said. `kind` is notice, announcement or warning."""

    kind: str
    authority: str
    scope: Scope
    text_zh: str
    text_en: str
    show_until_ms: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be signed, and whom it would reach."""

    notice: str
    payload: str
    impact: Impact


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice that is on its way; sent after the commit. Empty for one that was sent before."""

    notice: str
    outgoing: tuple[Outgoing, ...]


def draft(act: Act, text: Text, policy: AuthorityPolicy) -> Draft:
    """Number and check a text. Raises ProblemError with the codes of SPEC 12.1."""
    found = [person for person in policy.persons if person.person == act.actor.person]
    if not found:
        raise ProblemError("NOTICE_NOT_ENTITLED", f"{act.actor.person} is not in the authority policy")
    require_entitled(found, "notice", text.authority, "NOTICE")
    number = next_notice(act.connection, text.authority, act.now_ms)
    notice = Notice(
        notice=number,
        kind=text.kind,
        authority=text.authority,
        issued_by=act.actor.person,
        scope=text.scope,
        text_zh=text.text_zh,
        text_en=text.text_en,
        issued_at_ms=act.now_ms,
        show_until_ms=text.show_until_ms,
    )
    require_scope(policy, number, text.authority, text.scope, "", "NOTICE")
    try:
        payload = notice.encode()
    except ProtocolError as error:
        raise ProblemError("NOTICE_MALFORMED", str(error)) from error
    meant = _meant(act, notice)
    act.record(f"notice:{number}", text.authority, action="notice.draft")
    return Draft(number, payload.decode(), impact(act.connection, meant, act.now_ms))


def send(act: Act, raw: bytes, policy: AuthorityPolicy) -> Sent:
    """Take a signed notice; the same again changes nothing. Raises ProblemError, ProtocolError."""
    accepted = accept_notice(raw, policy, verify)
    notice = accepted.notice
    act.require(notice.authority)
    known = act.connection.scalar(select(notices.c.document).where(notices.c.notice == notice.notice))
    if known == accepted.document:
        return Sent(notice.notice, ())
    if known is not None:
        raise ProblemError("NOTICE_EQUIVOCATION", notice.notice)
    if notice.issued_by != act.actor.person:
        raise ProblemError("SIGNER_NOT_YOU", f"{act.actor.person} is signed in, {notice.issued_by} has signed")
    if act.now_ms > notice.show_until_ms:
        raise ProblemError("NOTICE_EXPIRED", notice.notice)
    meant = _meant(act, notice)
    _keep(act, raw, accepted, meant)
    act.record(f"notice:{notice.notice}", notice.authority, after={"document": accepted.document})
    if notice.scope.region:
        return Sent(notice.notice, (Outgoing(topics.down_all("notice"), raw),))
    boxes = [addressee.box for addressee in meant if addressee.box]
    return Sent(notice.notice, tuple(Outgoing(topics.down(box, "notice"), raw) for box in boxes))


def _meant(act: Act, notice: Notice) -> list[Addressee]:
    found = addressees(act.connection, notice.scope)
    require_jurisdiction(notice.scope, found, notice.authority)
    return found


def _keep(act: Act, raw: bytes, accepted: AcceptedNotice, meant: list[Addressee]) -> None:
    notice = accepted.notice
    act.connection.execute(
        insert(notices).values(
            notice=notice.notice,
            kind=notice.kind,
            authority=notice.authority,
            scope_region=notice.scope.region,
            issued_by=notice.issued_by,
            sent_at_ms=act.now_ms,
            show_until_ms=notice.show_until_ms,
            payload=notice.encode(),
            document=accepted.document,
            envelope=raw,
        )
    )
    rows = [
        {
            "notice": notice.notice,
            "venue": addressee.venue,
            "region": addressee.region,
            "box": addressee.box,
        }
        for addressee in meant
    ]
    if rows:
        act.connection.execute(insert(notice_venues), rows)
