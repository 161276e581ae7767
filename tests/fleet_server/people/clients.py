"""Signed-in clients of a fleet server in this process.

    officer = people.client("zhang", ("officer", "440106"))
    answer = await officer.get("/api/v1/venues")

Clients are httpx clients over the whole application, guard included, without a socket.
"""

import httpx
from sqlalchemy import insert
from starlette.types import ASGIApp

from fleet_server.app import box_app, console_app
from fleet_server.fleet import Fleet
from fleet_server.people.model import accounts, grants, persons, sessions
from fleet_server.people.sessions import token_hash

URL = "http://localhost:8080"


class People:
    """Who uses the fleet server of a test."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._app = console_app(fleet)

    def stranger(self) -> httpx.AsyncClient:
        """Not signed in."""
        return _client(self._app, URL, {})

    def client(self, person: str, *roles: tuple[str, str]) -> httpx.AsyncClient:
        """A new person with these (role, region)s, signed in; the password check is left out for speed."""
        token = f"token of {person}"
        region = roles[0][1] if roles else "000000"
        now_ms = self.fleet.clock.now_ms()
        with self.fleet.database.writing() as connection:
            connection.execute(insert(persons).values(person=person, name=person, region=region, added_at_ms=now_ms))
            account = {"account": person, "person": person, "password_hash": "", "is_active": True}
            connection.execute(insert(accounts).values(**account, added_at_ms=now_ms))
            for role, where in roles:
                grant = {"person": person, "role": role, "region": where, "granted_by": "test"}
                connection.execute(insert(grants).values(**grant, granted_at_ms=now_ms))
            session = {"token_hash": token_hash(token), "account": person, "ip": "", "started_at_ms": now_ms}
            connection.execute(insert(sessions).values(**session, seen_at_ms=now_ms))
        return _client(self._app, URL, {"authorization": f"Bearer {token}"})

    def box(self) -> httpx.AsyncClient:
        """What a box reaches: enrolment and TUF files."""
        return _client(box_app(self.fleet), "https://localhost:8443", {})


def _client(app: ASGIApp, url: str, headers: dict[str, str]) -> httpx.AsyncClient:
    # Without raising: what people see of an error is what is tested.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=url, headers=headers)
