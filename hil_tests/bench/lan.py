"""A person with a laptop on the venue's network: single requests to the box's LAN interface (SPEC 15).

No retries: what a test asks, it wants answered once.
"""

from dataclasses import dataclass
from typing import Any

import httpx

ANSWER_WITHIN_S = 30.0


@dataclass(frozen=True)
class LanAnswer:
    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))


class Laptop:
    """Requests carry the VOD server's token if there is one."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=ANSWER_WITHIN_S, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def state(self) -> dict[str, Any]:
        """Raises OSError if the box does not answer or answers with an error."""
        answer = self._ask("GET", "/v1/state")
        if answer.status != 200:
            raise OSError(f"GET /v1/state: {answer.status} {answer.body}")
        return answer.body

    def play(self, room: str, song: str, kind: str = "guest") -> LanAnswer:
        return self._ask("POST", "/v1/plays", {"room": room, "song": song, "kind": kind})

    def end(self, play: str, played_s: int, reason: str = "end") -> LanAnswer:
        return self._ask("POST", f"/v1/plays/{play}/end", {"played_s": played_s, "reason": reason})

    def order(self, envelope: bytes) -> LanAnswer:
        """Bring an order by hand, as any courier may."""
        try:
            answer = self._client.post("/v1/orders", content=envelope, headers={"Content-Type": "application/json"})
        except httpx.HTTPError as error:
            raise ConnectionError(f"POST /v1/orders: {error!r}") from error
        return LanAnswer(answer.status_code, answer.json())

    def claim(self, voucher: dict[str, Any]) -> LanAnswer:
        return self._ask("POST", "/v1/claim", {"voucher": voucher})

    def page(self) -> str:
        """The status page."""
        try:
            return self._client.get("/").text
        except httpx.HTTPError as error:
            raise ConnectionError(f"GET /: {error!r}") from error

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> LanAnswer:
        try:
            answer = self._client.request(method, path, json=body)
            return LanAnswer(answer.status_code, answer.json())
        except httpx.HTTPError as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
