"""How a route asks for permission: `needs(Action.X)` gives it a `Call`, a transaction gives it an `Act`.

    @router.post("/venues", status_code=201)
    def add_venue(body: NewVenue, call: Annotated[Call, needs(Action.VENUE_MANAGE)]) -> VenueShown:
        with call.writing() as act:
            act.require(body.region)
            ...
            act.record(f"venue:{code}", body.region, after=facts)

Rules:

1. The session comes as `Authorization: Bearer` (command line) or as cookie (browser), never as both.
2. With a cookie, whatever changes something needs an Origin of ours and the session's X-CSRF-Token; a form of a page
   has that as its field `csrf`, since without scripts it sends no header.
3. A change that leaves no audit row is our defect: the transaction is rolled back (INTERNAL).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request, Response
from sqlalchemy import ColumnElement, Connection

from fleet_server import audit
from fleet_server.http_errors import ProblemError
from fleet_server.people import authority
from fleet_server.people.authority import Actor
from fleet_server.people.roles import Action
from fleet_server.people.sessions import actor_of, csrf_token, watcher_of

if TYPE_CHECKING:  # fleet.py builds on people
    from fleet_server.fleet import Fleet

_REFRESH_HEADER = "x-frontbox-refresh"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class Act:
    """One transaction of one actor, for one action."""

    connection: Connection
    actor: Actor
    action: Action
    now_ms: int
    ip: str
    request_id: str
    rows_recorded: int = field(default=0, init=False)

    def require(self, region: str) -> None:
        """Raises ProblemError NOT_FOUND or NOT_PERMITTED unless the actor may do this in `region`."""
        authority.authorise(self.actor, self.action, region)

    def visible(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """The SQL condition that restricts a query to the actor's regions."""
        return authority.visible(self.actor, self.action, column)

    def record(
        self,
        subject: str,
        region: str,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        reason: str = "",
        action: str = "",
    ) -> None:
        """Leave an audit row in this transaction; `action` where the permission does not name the change."""
        self.rows_recorded += 1
        audit.record(
            self.connection,
            at_ms=self.now_ms,
            actor=self.actor.account,
            person=self.actor.person,
            session=self.actor.session,
            action=action or self.action.value,
            region=region,
            subject=subject,
            before=before,
            after=after,
            reason=reason,
            ip=self.ip,
            request_id=self.request_id,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request whose actor may do `action` somewhere."""

    fleet: "Fleet"
    actor: Actor
    action: Action
    ip: str
    request_id: str
    csrf: str

    @contextmanager
    def reading(self) -> Iterator[Act]:
        """A transaction that changes nothing."""
        with self.fleet.database.reading() as connection:
            yield self._act(connection)

    @contextmanager
    def writing(self) -> Iterator[Act]:
        """A transaction that changes something and says so (rule 3)."""
        with self.fleet.database.writing() as connection:
            changes_before = _changes(connection)
            act = self._act(connection)
            yield act
            if act.rows_recorded == 0 and _changes(connection) != changes_before:
                raise AssertionError(f"{self.action.value} changed the database without an audit row")

    def _act(self, connection: Connection) -> Act:
        return Act(connection, self.actor, self.action, self.fleet.clock.now_ms(), self.ip, self.request_id)


@dataclass(frozen=True, slots=True)
class Gate:
    """The dependency behind `needs`; the test over all routes looks for it."""

    action: Action

    def __call__(self, request: Request) -> Call:
        return self._admit(request, request.headers.get("x-csrf-token", ""))

    def _admit(self, request: Request, csrf: str) -> Call:
        """`csrf`: what the request says it is."""
        fleet: Fleet = request.app.state.fleet
        token, is_cookie = session_token(request)
        if is_cookie:
            require_own_page(request)
            _require_csrf(request, csrf, token)
        now_ms = fleet.clock.now_ms()
        # A browser sends this when nobody asked for the page: watching is not using.
        who = watcher_of if _REFRESH_HEADER in request.headers else actor_of
        actor = who(fleet.database, token, fleet.session_expiry, now_ms)
        authority.authorise_anywhere(actor, self.action)
        return Call(fleet, actor, self.action, ip_of(request), request_id_of(request), csrf_token(token))


class FormGate(Gate):
    """The same for a form of a page."""

    def __call__(self, request: Request, csrf: Annotated[str, Form(max_length=64)] = "") -> Call:
        return self._admit(request, csrf)


def needs(action: Action) -> Any:
    """FastAPI dependency: the caller is signed in and may do `action` somewhere."""
    return Depends(Gate(action))


def form_needs(action: Action) -> Any:
    """The same, where a form of a page of ours is taken."""
    return Depends(FormGate(action))


def session_token(request: Request) -> tuple[str, bool]:
    """The caller's token, and whether a browser sent it by itself. Raises ProblemError SIGN_IN_NEEDED."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(cookie_name(request.app.state.fleet), "")
    if scheme.lower() == "bearer" and bearer and not cookie:
        return bearer.strip(), False
    if cookie and not scheme:
        return cookie, True
    raise ProblemError("SIGN_IN_NEEDED")


def require_own_page(request: Request) -> None:
    """Rule 2, all of it where there is no session yet (sign-in). Raises ProblemError ORIGIN_FOREIGN."""
    if request.method in _SAFE_METHODS:
        return
    origin = urlsplit(request.headers.get("origin", ""))
    if origin.scheme not in ("http", "https") or origin.netloc != request.headers.get("host"):
        raise ProblemError("ORIGIN_FOREIGN", "Origin")


def _require_csrf(request: Request, said: str, token: str) -> None:
    if request.method not in _SAFE_METHODS and said != csrf_token(token):
        raise ProblemError("ORIGIN_FOREIGN", "X-CSRF-Token")


def cookie_name(fleet: "Fleet") -> str:
    return "__Host-frontbox" if _is_https(fleet) else "frontbox"


def set_session_cookie(response: Response, fleet: "Fleet", token: str) -> None:
    """Secure where the console is reached by https; plain http is for the same machine only."""
    response.set_cookie(cookie_name(fleet), token, secure=_is_https(fleet), httponly=True, samesite="strict", path="/")


def ip_of(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def request_id_of(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


def _is_https(fleet: "Fleet") -> bool:
    return fleet.settings.console_url.startswith("https://")


def _changes(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT total_changes()").scalar_one())
