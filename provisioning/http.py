"""JSON requests to a box on the local network and to the fleet server."""

from typing import Any

import httpx

from provisioning.errors import ProvisioningError

TIMEOUT_S = 60.0
ANSWER_BYTES_MAX = 1_048_576


class Peer:
    """One program that answers; `unreachable` is the code when it does not."""

    def __init__(self, url: str, unreachable: str, token: str = "") -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._url = url
        self._unreachable = unreachable
        try:
            self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)
        except httpx.InvalidURL as error:
            raise ProvisioningError(unreachable, f"{url}: {error}") from error

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The answer's object; raises ProvisioningError with the peer's own code and sentences."""
        try:
            answer = self._http.request(method, path, json=body)
            raw = answer.content
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProvisioningError(self._unreachable, f"{self._url}: {error}") from error
        try:
            found = answer.json() if len(raw) <= ANSWER_BYTES_MAX else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProvisioningError("BOX_ANSWER", f"{method} {path}: {answer.status_code}")
        if answer.is_success:
            return found
        detail = str(found.get("detail", ""))
        code = str(found.get("code", f"HTTP_{answer.status_code}"))
        raise ProvisioningError(code, detail, str(found.get("message_zh", "")), str(found.get("message_en", "")))


def box(url: str, token: str = "") -> Peer:
    return Peer(url, "BOX_UNREACHABLE", token)
