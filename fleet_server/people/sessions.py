"""Sessions: 256-bit tokens kept as hashes, with idle and absolute expiry, and throttled sign-in.

Rules (security.md 6.7):

1. The token is shown once, at sign-in; the database holds its SHA-256.
2. A session ends when idle for `session_idle_s`, after `session_for_s` at the latest, at sign-out, and when
   the account is closed. Its use is written down at most every SEEN_EVERY_MS.
3. Failures within FAILURES_FOR_MS: an account from one address has FAILURES_FROM_ONE_MAX, an address all together
   FAILURES_PER_IP_MAX, and then sign-in is refused before any password is looked at. An account from everywhere is only
   slowed down: above FAILURES_FREE there is a delay after each, doubling to DELAY_MS_MAX, so that who does not know
   the password keeps nobody out who does. An attempt counts as a failure until it has succeeded, so that attempts in
   parallel count too; one that was refused does not.
4. Unknown account, closed account and wrong password give one answer in one time.
"""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from fleet_server import audit
from fleet_server.database import Database
from fleet_server.http_errors import ProblemError
from fleet_server.people.authority import Actor, Grant
from fleet_server.people.model import accounts, grants, persons, sessions, sign_in_failures
from fleet_server.people.passwords import Passwords
from fleet_server.people.roles import Role

SEEN_EVERY_MS = 30_000
FAILURES_FOR_MS = 15 * 60 * 1000
FAILURES_FROM_ONE_MAX = 10
FAILURES_FREE = 10
DELAY_MS, DELAY_MS_MAX = 500, 8_000
FAILURES_PER_IP_MAX = 50
_SESSION_SHOWN_CHARS = 12


@dataclass(frozen=True, slots=True)
class Started:
    """A new session; `token` exists nowhere else."""

    token: str
    account: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Expiry:
    """How long sessions live, in ms."""

    idle_ms: int
    absolute_ms: int


def sign_in(
    database: Database,
    passwords: Passwords,
    expiry: Expiry,
    *,
    account: str,
    password: str,
    ip: str,
    request_id: str,
    now_ms: int,
) -> Started:
    """Raises ProblemError SIGN_IN_THROTTLED or SIGN_IN_FAILED."""
    is_right = confirm(database, passwords, account=account, password=password, ip=ip, now_ms=now_ms)
    with database.writing() as connection:
        action = "session.start" if is_right else "session.refused"
        _record(connection, account, action, ip, request_id, now_ms)
        if is_right:
            token = secrets.token_hex(32)
            _start(connection, account, token, ip, now_ms, expiry)
            return Started(token, account, now_ms + expiry.absolute_ms)
    raise ProblemError("SIGN_IN_FAILED")


def confirm(database: Database, passwords: Passwords, *, account: str, password: str, ip: str, now_ms: int) -> bool:
    """Whether it is the account's password (rules 3, 4). Raises ProblemError SIGN_IN_THROTTLED."""
    with database.writing() as connection:
        _require_few_failures(connection, account, ip, now_ms)
        values = {"account": account[:64], "ip": ip, "at_ms": now_ms}
        attempt = connection.execute(insert(sign_in_failures).values(values)).inserted_primary_key
        query = select(accounts.c.password_hash).where(accounts.c.account == account, accounts.c.is_active)
        stored = connection.scalar(query)
    # Outside the transaction: a verification takes a tenth of a second, and others must write meanwhile.
    is_right = passwords.verify(password, stored)
    if is_right:
        assert attempt is not None
        with database.writing() as connection:
            connection.execute(delete(sign_in_failures).where(sign_in_failures.c.id == attempt[0]))
    return is_right


def sign_out(connection: Connection, token: str) -> bool:
    """Whether there was such a session."""
    return connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash(token))).rowcount > 0


def actor_of(database: Database, token: str, expiry: Expiry, now_ms: int) -> Actor:
    """Who holds this token. Raises ProblemError SIGN_IN_NEEDED."""
    with database.reading() as connection:
        actor, seen_at_ms = _actor(connection, token, expiry, now_ms)
    if now_ms - seen_at_ms >= SEEN_EVERY_MS:
        with database.writing() as connection:
            connection.execute(
                update(sessions).where(sessions.c.token_hash == token_hash(token)).values(seen_at_ms=now_ms)
            )
    return actor


def watcher_of(database: Database, token: str, expiry: Expiry, now_ms: int) -> Actor:
    """As `actor_of`, without counting as use: a page that refreshes by itself keeps no idle session alive.

    Raises ProblemError SIGN_IN_NEEDED.
    """
    with database.reading() as connection:
        return _actor(connection, token, expiry, now_ms)[0]


def csrf_token(token: str) -> str:
    """What a page of this session must repeat in X-CSRF-Token; says nothing about the session's token."""
    return hashlib.sha256(b"frontbox csrf\x00" + token.encode()).hexdigest()[:32]


def grants_of(connection: Connection, person: str) -> tuple[Grant, ...]:
    query = select(grants.c.role, grants.c.region).where(grants.c.person == person)
    return tuple(Grant(Role(row.role), row.region) for row in connection.execute(query))


def _actor(connection: Connection, token: str, expiry: Expiry, now_ms: int) -> tuple[Actor, int]:
    query = (
        select(sessions, accounts.c.person, persons.c.name)
        .join(accounts, accounts.c.account == sessions.c.account)
        .join(persons, persons.c.person == accounts.c.person)
        .where(sessions.c.token_hash == token_hash(token), accounts.c.is_active)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise ProblemError("SIGN_IN_NEEDED")
    if now_ms >= min(row.seen_at_ms + expiry.idle_ms, row.started_at_ms + expiry.absolute_ms):
        raise ProblemError("SIGN_IN_NEEDED", "the session has expired")
    shown = row.token_hash.hex()[:_SESSION_SHOWN_CHARS]
    return Actor(row.account, row.person, row.name, shown, grants_of(connection, row.person)), row.seen_at_ms


def _require_few_failures(connection: Connection, account: str, ip: str, now_ms: int) -> None:
    """Rule 3."""
    failures = sign_in_failures.c
    since = failures.at_ms > now_ms - FAILURES_FOR_MS
    connection.execute(delete(sign_in_failures).where(~since))
    of_account, from_here = failures.account == account[:64], failures.ip == ip
    for which, most in ((of_account & from_here, FAILURES_FROM_ONE_MAX), (from_here, FAILURES_PER_IP_MAX)):
        query = select(func.count()).select_from(sign_in_failures).where(since, which)
        if connection.execute(query).scalar_one() >= most:
            raise ProblemError("SIGN_IN_THROTTLED")
    count, last_ms = connection.execute(select(func.count(), func.max(failures.at_ms)).where(since, of_account)).one()
    if count >= FAILURES_FREE and now_ms < last_ms + min(DELAY_MS << min(count - FAILURES_FREE, 10), DELAY_MS_MAX):
        raise ProblemError("SIGN_IN_THROTTLED")


def _start(connection: Connection, account: str, token: str, ip: str, now_ms: int, expiry: Expiry) -> None:
    connection.execute(delete(sessions).where(sessions.c.started_at_ms <= now_ms - expiry.absolute_ms))
    connection.execute(
        insert(sessions).values(
            token_hash=token_hash(token), account=account, ip=ip, started_at_ms=now_ms, seen_at_ms=now_ms
        )
    )


def _record(connection: Connection, account: str, action: str, ip: str, request_id: str, now_ms: int) -> None:
    audit.record(
        connection,
        at_ms=now_ms,
        actor=account[:64],
        action=action,
        region="000000",
        subject=f"account:{account[:64]}",
        ip=ip,
        request_id=request_id,
    )


def token_hash(token: str) -> bytes:
    """What the database holds of a token."""
    return hashlib.sha256(token.encode()).digest()
