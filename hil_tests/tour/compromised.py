"""A fleet server in wrong hands: whoever holds its data directory can publish what he likes.

Takes the broker's service password from the server's own configuration file, as an intruder would, and sends
whatever bytes to a box. What the box does with them is the point.
"""

import asyncio
import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import nats

from hil_tests.bench.fleet import FleetServer

ANSWER_WITHIN_S = 60


def publish(fleet: FleetServer, topic: str, payload: bytes) -> None:
    """Send one message down to boxes, past the server's own rules."""
    asyncio.run(_publish(*_credentials(fleet.data / "nats" / "server.conf"), topic, payload))


def ask(fleet: FleetServer, box: str, kind: str, envelope: bytes) -> dict[str, Any]:
    """Send one document down to a box; what its signed receipt for this document says.

    A receipt of an acceptance is passed over: it may be a late one of an earlier, rightful delivery. Where the box has
    accepted, there is no other, and this raises TimeoutError.
    """
    access = _credentials(fleet.data / "nats" / "server.conf")
    return asyncio.run(_ask(*access, box, kind, envelope))


def _credentials(config: Path) -> tuple[str, str]:
    text = config.read_text()
    address = re.search(r'^listen: "([^"]+)"', text, re.MULTILINE)
    password = re.search(r'user: service, password: ("[^"]+")', text)
    assert address, f"no client address in {config}"
    assert password, f"no service password in {config}"
    return address[1], json.loads(password[1])


async def _publish(address: str, password: str, topic: str, payload: bytes) -> None:
    client = await nats.connect(f"nats://{address}", user="service", password=password)
    try:
        await client.publish(topic.replace("/", "."), payload)
        await client.flush()
    finally:
        await client.close()


async def _ask(address: str, password: str, box: str, kind: str, envelope: bytes) -> dict[str, Any]:
    document = hashlib.sha256(base64.b64decode(json.loads(envelope)["payload"])).hexdigest()
    client = await nats.connect(f"nats://{address}", user="service", password=password)
    try:
        receipts = await client.subscribe(f"v1.up.{box}.receipt")
        await client.publish(f"v1.dn.{box}.{kind}", envelope)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            async for message in receipts.messages:
                receipt: dict[str, Any] = json.loads(base64.b64decode(json.loads(message.data)["payload"]))
                if receipt["document"] == document and receipt["result"] != "accepted":
                    return receipt
    finally:
        await client.close()
    raise ConnectionError("the broker ended the subscription")
