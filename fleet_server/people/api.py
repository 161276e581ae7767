"""HTTP: sessions, persons, accounts, roles."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from fleet_server.http_errors import ProblemError
from fleet_server.people import sessions, store
from fleet_server.people.gate import Call, ip_of, needs, request_id_of, session_token
from fleet_server.people.passwords import CHARS_MAX
from fleet_server.people.roles import Action, Role

if TYPE_CHECKING:  # fleet.py builds on people
    from fleet_server.fleet import Fleet

router = APIRouter(prefix="/api/v1", tags=["people"])

Id = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,32}$")]
Region = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[str, Field(max_length=CHARS_MAX)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Credentials(Body):
    account: Annotated[str, Field(max_length=64)]
    password: Password


class SessionStarted(BaseModel):
    """`token` goes into `Authorization: Bearer`; it is not shown again."""

    token: str
    account: str
    expires_at_ms: int


class GrantShown(BaseModel):
    role: Role
    region: str


class SessionShown(BaseModel):
    """`now_ms` is the server's time: papers are dated by it, not by the clock of an officer's computer."""

    now_ms: int
    account: str
    person: str
    name: str
    grants: list[GrantShown]


class NewPerson(Body):
    person: Id
    name: Name
    region: Region


class PersonShown(BaseModel):
    person: str
    name: str
    region: str
    accounts: list[str]
    grants: list[GrantShown]


class Persons(BaseModel):
    persons: list[PersonShown]


class NewAccount(Body):
    account: Id
    person: Id
    password: Password


class NewGrant(Body):
    role: Role
    region: Region


class NewPassword(Body):
    password: Password


class PasswordChange(Body):
    """The password so far, and the one from now on."""

    old: Password
    new: Password


class AccountState(Body):
    is_active: bool


@router.post("/session", status_code=201)
def sign_in(body: Credentials, request: Request) -> SessionStarted:
    """Start a session for a program. Browsers sign in on the console's page, which sets a cookie."""
    fleet: Fleet = request.app.state.fleet
    started = sessions.sign_in(
        fleet.database,
        fleet.passwords,
        fleet.session_expiry,
        account=body.account,
        password=body.password,
        ip=ip_of(request),
        request_id=request_id_of(request),
        now_ms=fleet.clock.now_ms(),
    )
    return SessionStarted(token=started.token, account=started.account, expires_at_ms=started.expires_at_ms)


@router.get("/session")
def show_session(call: Annotated[Call, needs(Action.SESSION_READ)]) -> SessionShown:
    """Who is signed in, with which roles."""
    actor = call.actor
    grants = [GrantShown(role=grant.role, region=grant.region) for grant in actor.grants]
    return SessionShown(
        now_ms=call.fleet.clock.now_ms(),
        account=actor.account,
        person=actor.person,
        name=actor.name,
        grants=grants,
    )


@router.delete("/session", status_code=204)
def sign_out(request: Request, call: Annotated[Call, needs(Action.SESSION_READ)]) -> Response:
    """End this session."""
    token, _ = session_token(request)
    with call.writing() as act:
        sessions.sign_out(act.connection, token)
        act.record(f"account:{call.actor.account}", "000000", action="session.end")
    return Response(status_code=204)


@router.put("/session/password", status_code=204)
def change_password(
    body: PasswordChange, request: Request, call: Annotated[Call, needs(Action.SESSION_READ)]
) -> Response:
    """Change the own password; the account's other sessions end."""
    fleet, account = call.fleet, call.actor.account
    if not sessions.confirm(
        fleet.database,
        fleet.passwords,
        account=account,
        password=body.old,
        ip=call.ip,
        now_ms=fleet.clock.now_ms(),
    ):
        raise ProblemError("PASSWORD_WRONG")
    token, _ = session_token(request)
    new_hash = fleet.passwords.hash(body.new)
    with call.writing() as act:
        store.set_password(act, account, new_hash, keep=token)
    return Response(status_code=204)


@router.post("/persons", status_code=201)
def add_person(body: NewPerson, call: Annotated[Call, needs(Action.PERSON_MANAGE)]) -> PersonShown:
    """Add a person; the id is the one of the authority policy."""
    with call.writing() as act:
        act.require(body.region)
        store.add_person(act, body.person, body.name, body.region)
        return _shown(store.person(act, body.person))


@router.get("/persons")
def list_persons(call: Annotated[Call, needs(Action.PERSON_READ)]) -> Persons:
    """Persons of the caller's regions."""
    with call.reading() as act:
        return Persons(persons=[_shown(person) for person in store.list_persons(act)])


@router.get("/persons/{person}")
def show_person(person: Id, call: Annotated[Call, needs(Action.PERSON_READ)]) -> PersonShown:
    """One person, with accounts and roles."""
    with call.reading() as act:
        return _shown(store.person(act, person))


@router.put("/persons/{person}/grants")
def grant_role(person: Id, body: NewGrant, call: Annotated[Call, needs(Action.PERSON_MANAGE)]) -> PersonShown:
    """Give a role in a region; again, the same."""
    with call.writing() as act:
        act.require(body.region)
        store.grant(act, person, body.role, body.region)
        return _shown(store.person(act, person))


@router.delete("/persons/{person}/grants/{role}/{region}")
def revoke_role(
    person: Id, role: Role, region: Region, call: Annotated[Call, needs(Action.PERSON_MANAGE)]
) -> PersonShown:
    """Take a role away; it counts from the next request on."""
    with call.writing() as act:
        act.require(region)
        store.revoke(act, person, role, region)
        return _shown(store.person(act, person))


@router.post("/accounts", status_code=201)
def add_account(body: NewAccount, call: Annotated[Call, needs(Action.PERSON_MANAGE)]) -> PersonShown:
    """Give a person an account to sign in with."""
    password_hash = call.fleet.passwords.hash(body.password)
    with call.writing() as act:
        store.add_account(act, body.account, body.person, password_hash)
        return _shown(store.person(act, body.person))


@router.put("/accounts/{account}")
def set_account(account: Id, body: AccountState, call: Annotated[Call, needs(Action.PERSON_MANAGE)]) -> PersonShown:
    """Close an account, which ends its sessions, or open it again."""
    with call.writing() as act:
        return _shown(store.set_account(act, account, body.is_active))


@router.put("/accounts/{account}/password")
def reset_password(account: Id, body: NewPassword, call: Annotated[Call, needs(Action.PERSON_MANAGE)]) -> PersonShown:
    """Give an account a new password, which ends its sessions."""
    password_hash = call.fleet.passwords.hash(body.password)
    with call.writing() as act:
        owner = store.owner_of(act, account)
        store.set_password(act, account, password_hash)
        return _shown(owner)


def _shown(person: store.Person) -> PersonShown:
    return PersonShown(
        person=person.person,
        name=person.name,
        region=person.region,
        accounts=list(person.accounts),
        grants=[GrantShown(role=grant.role, region=grant.region) for grant in person.grants],
    )
