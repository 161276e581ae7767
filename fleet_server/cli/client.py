"""The HTTP client of the command line, and the session file it signs in with.

The file holds `{"server","account","token"}`, readable by its owner alone. Its place: --session, else
FRONTBOX_SESSION, else frontbox/session.json in the user's configuration folder.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from fleet_server.cli.outcome import NOT_ALLOWED, OFFLINE, TIMED_OUT, CommandError, of_problem

DEFAULT_SERVER = "http://localhost:8080"
TIMEOUT_S = 60.0


class Client:
    """Requests with errors as CommandError."""

    def __init__(self, server: str, token: str = "") -> None:
        self._server = server.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def signed_in(cls, session: str | None, server: str | None) -> "Client":
        """Raises CommandError SIGN_IN_NEEDED."""
        stored = _stored(session)
        if stored is None:
            zh, en = "请先登录：frontbox-fleet sign-in", "Sign in first: frontbox-fleet sign-in"
            raise CommandError(NOT_ALLOWED, "SIGN_IN_NEEDED", zh, en)
        return cls(server or stored["server"], stored["token"])

    def get(self, path: str, **query: object) -> Any:
        return self.request("GET", path, query={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: object) -> Any:
        return self.request("POST", path, body=body)

    def put(self, path: str, body: object) -> Any:
        return self.request("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        return self.request("DELETE", path)

    def request(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: object = None) -> Any:
        """The answer's JSON, or None. Raises CommandError."""
        response = self.send(method, path, params=query, json=body)
        return response.json() if response.content else None

    def send(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """A response of success, for bodies that are not JSON. Raises CommandError."""
        try:
            # One connection a request: a verb makes few, and none is left open behind it.
            with httpx.Client(headers=self._headers, timeout=TIMEOUT_S, trust_env=False) as http:
                response = http.request(method, self._server + path, **rest)
        except httpx.TimeoutException as error:
            raise CommandError(
                TIMED_OUT, "TIMED_OUT", "服务器没有及时回答。", "The server did not answer in time."
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise CommandError(
                OFFLINE, "OFFLINE", f"连不上服务器 {self._server}", f"Cannot reach the server {self._server}"
            ) from error
        if response.is_success:
            return response
        is_json = "json" in response.headers.get("content-type", "")
        raise of_problem(response.status_code, response.json() if is_json else {})


def session_path(named: str | None) -> Path:
    if named or (named := os.environ.get("FRONTBOX_SESSION")):
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "frontbox" / "session.json"


def stored_server(session: str | None) -> str:
    """The server of the last sign-in, or the usual one."""
    stored = _stored(session)
    return DEFAULT_SERVER if stored is None else stored["server"]


def _stored(session: str | None) -> dict[str, str] | None:
    """What was stored at sign-in; None if there is nothing, or nothing that can be read."""
    try:
        stored = json.loads(session_path(session).read_text())
        return {name: str(stored[name]) for name in ("server", "token")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store_session(session: str | None, server: str, account: str, token: str) -> Path:
    path = session_path(session)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"server": server, "account": account, "token": token}, file)
    temporary.replace(path)
    return path
