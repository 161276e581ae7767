"""The VOD server's side of the box's LAN interface (SPEC 15), as a vendor would write it.

What the network or a restarting box swallows is asked again with back-off until the box answers: an end
with the same play id, a start as a new request. A refusal (403) is an answer.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

RETRY_FIRST_S = 0.1
RETRY_MAX_S = 2.0
ANSWER_WITHIN_S = 10.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


class BoxLan:
    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self.retries = 0

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            self._url,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S),
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def play(self, room: str, song: str, kind: str) -> Answer:
        return await self._ask("/v1/plays", {"room": room, "song": song, "kind": kind})

    async def end(self, play: str, played_s: int, reason: str) -> Answer:
        return await self._ask(f"/v1/plays/{play}/end", {"played_s": played_s, "reason": reason})

    async def reopen(self) -> Answer:
        """The venue's owner confirms that a suspension is over; again, the same answer."""
        return await self._ask("/v1/reopen", {})

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Events of the box, over as many connections as it takes; never ends."""
        assert self._session is not None
        wait_s = RETRY_FIRST_S
        while True:
            try:
                async with self._session.ws_connect("/v1/events", heartbeat=20) as channel:
                    wait_s = RETRY_FIRST_S
                    async for message in channel:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            yield json.loads(message.data)
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass  # The box is down or starts again: the next attempt will tell.
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RETRY_MAX_S)

    async def _ask(self, path: str, body: dict[str, object]) -> Answer:
        assert self._session is not None
        wait_s = RETRY_FIRST_S
        while True:
            try:
                async with self._session.post(path, json=body) as response:
                    if response.status < 500:
                        return Answer(response.status, await response.json())
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                pass  # No answer is no answer, whatever the reason.
            self.retries += 1
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RETRY_MAX_S)
