"""Reading and changing persons, accounts and grants, within an `Act`.

Rules: a person is seen where the person's own region is; grants are given by others than the person
(security.md 6.4), in regions the giver administers; exclusive roles are refused; accounts are made, closed and given
passwords by those only who administer all regions of the person's roles; what exists already is either the same, and
unchanged, or a conflict.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, delete, insert, select, update

from fleet_server.http_errors import ProblemError
from fleet_server.people.authority import Grant
from fleet_server.people.gate import Act
from fleet_server.people.model import accounts, grants, persons, sessions
from fleet_server.people.roles import Role, conflicts
from fleet_server.people.sessions import grants_of, token_hash


@dataclass(frozen=True, slots=True)
class Person:
    person: str
    name: str
    region: str
    accounts: tuple[str, ...]
    grants: tuple[Grant, ...]


def person(act: Act, person: str) -> Person:
    """Raises ProblemError NOT_FOUND."""
    row = act.connection.execute(
        select(persons).where(persons.c.person == person, act.visible(persons.c.region))
    ).one_or_none()
    if row is None:
        raise ProblemError("NOT_FOUND")
    return _person(act, row)


def list_persons(act: Act) -> list[Person]:
    query = select(persons).where(act.visible(persons.c.region)).order_by(persons.c.person)
    return [_person(act, row) for row in act.connection.execute(query).all()]


def add_person(act: Act, person: str, name: str, region: str) -> None:
    """Raises ProblemError PERSON_EXISTS."""
    facts = {"name": name, "region": region}
    known = act.connection.execute(select(persons).where(persons.c.person == person)).one_or_none()
    if known is not None:
        if (known.name, known.region) == (name, region):
            return
        raise ProblemError("PERSON_EXISTS", person)
    act.connection.execute(insert(persons).values(person=person, added_at_ms=act.now_ms, **facts))
    act.record(f"person:{person}", region, after=facts, action="person.add")


def add_account(act: Act, account: str, of: str, password_hash: str) -> None:
    """Raises ProblemError ACCOUNT_EXISTS, NOT_FOUND."""
    owner = _in_power(act, of)
    if act.connection.execute(select(accounts).where(accounts.c.account == account)).first() is not None:
        raise ProblemError("ACCOUNT_EXISTS", account)
    act.connection.execute(
        insert(accounts).values(
            account=account, person=of, password_hash=password_hash, is_active=True, added_at_ms=act.now_ms
        )
    )
    act.record(f"account:{account}", owner.region, after={"person": of}, action="account.add")


def set_account(act: Act, account: str, is_active: bool) -> Person:
    """Raises ProblemError NOT_FOUND."""
    owner = owner_of(act, account)
    was_active = act.connection.scalar(select(accounts.c.is_active).where(accounts.c.account == account))
    if was_active != is_active:
        act.connection.execute(update(accounts).where(accounts.c.account == account).values(is_active=is_active))
        act.connection.execute(delete(sessions).where(sessions.c.account == account))
        action = "account.open" if is_active else "account.close"
        act.record(f"account:{account}", owner.region, action=action)
    return owner


def owner_of(act: Act, account: str) -> Person:
    """Raises ProblemError NOT_FOUND."""
    of = act.connection.scalar(select(accounts.c.person).where(accounts.c.account == account))
    if of is None:
        raise ProblemError("NOT_FOUND")
    return _in_power(act, of)


def set_password(act: Act, account: str, new_hash: str, keep: str = "") -> None:
    """Sessions of the account end, but that of the token `keep`."""
    this = accounts.c.account == account
    region = act.connection.execute(select(persons.c.region).join(accounts).where(this)).scalar_one()
    act.connection.execute(update(accounts).where(this).values(password_hash=new_hash))
    others = (sessions.c.account == account, sessions.c.token_hash != token_hash(keep))
    act.connection.execute(delete(sessions).where(*others))
    act.record(f"account:{account}", region, action="account.password")


def grant(act: Act, to: str, role: Role, region: str) -> None:
    """Raises ProblemError NOT_FOUND, ROLE_OWN, ROLE_CONFLICT."""
    owner = person(act, to)
    if to == act.actor.person:
        raise ProblemError("ROLE_OWN")
    if Grant(role, region) in owner.grants:
        return
    against = conflicts(frozenset(held.role for held in owner.grants), role)
    if against:
        raise ProblemError("ROLE_CONFLICT", ", ".join(sorted(against)))
    values = {"person": to, "role": role.value, "region": region}
    act.connection.execute(insert(grants).values(**values, granted_by=act.actor.person, granted_at_ms=act.now_ms))
    act.record(f"person:{to}", region, after=values, action="role.grant")


def revoke(act: Act, of: str, role: Role, region: str) -> None:
    """Raises ProblemError NOT_FOUND."""
    if Grant(role, region) not in person(act, of).grants:
        return
    where = (grants.c.person == of, grants.c.role == role.value, grants.c.region == region)
    act.connection.execute(delete(grants).where(*where))
    act.record(f"person:{of}", region, before={"role": role.value, "region": region}, action="role.revoke")


def _in_power(act: Act, of: str) -> Person:
    """A person all of whose roles the actor could have given: who has the account has the roles.

    Raises ProblemError NOT_FOUND, NOT_PERMITTED.
    """
    owner = person(act, of)
    for held in owner.grants:
        act.require(held.region)
    return owner


def _person(act: Act, row: Row[tuple[object, ...]]) -> Person:
    of: Sequence[str] = act.connection.scalars(
        select(accounts.c.account).where(accounts.c.person == row.person).order_by(accounts.c.account)
    ).all()
    return Person(row.person, row.name, row.region, tuple(of), grants_of(act.connection, row.person))
