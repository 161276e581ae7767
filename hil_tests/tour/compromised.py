"""A fleet server in wrong hands: whoever holds its data directory can publish what he likes.

Takes the broker's service password from the server's own configuration file, as an intruder would, and sends
whatever bytes to a box. What the box does with them is the point.
"""

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import nats

from hil_tests.bench.fleet import FleetServer

ANSWER_WITHIN_S = 60


def publish(fleet: FleetServer, topic: str, payload: bytes) -> None:
    """Send one message down to boxes, past the server's own rules."""
    asyncio.run(_publish(*_credentials(fleet.data / "nats" / "server.conf"), topic, payload, ""))


def ask(fleet: FleetServer, box: str, kind: str, payload: bytes) -> dict[str, Any]:
    """Send one document down to a box; what its signed receipt says."""
    access = _credentials(fleet.data / "nats" / "server.conf")
    raw = asyncio.run(_publish(*access, f"v1/dn/{box}/{kind}", payload, f"v1/up/{box}/receipt"))
    receipt: dict[str, Any] = json.loads(base64.b64decode(json.loads(raw)["payload"]))
    return receipt


def _credentials(config: Path) -> tuple[str, str]:
    text = config.read_text()
    address = re.search(r'^listen: "([^"]+)"', text, re.MULTILINE)
    password = re.search(r'user: service, password: ("[^"]+")', text)
    assert address, f"no client address in {config}"
    assert password, f"no service password in {config}"
    return address[1], json.loads(password[1])


async def _publish(address: str, password: str, topic: str, payload: bytes, answer_on: str) -> bytes:
    """Returns the first message on ``answer_on``, if one is wanted."""
    client = await nats.connect(f"nats://{address}", user="service", password=password)
    try:
        answers = await client.subscribe(answer_on.replace("/", ".")) if answer_on else None
        await client.publish(topic.replace("/", "."), payload)
        await client.flush()
        return bytes((await answers.next_msg(ANSWER_WITHIN_S)).data) if answers else b""
    finally:
        await client.close()
