"""A fleet server in wrong hands: whoever holds its data directory can publish what he likes.

Takes the broker's service password from the server's own configuration file, as an intruder would, and sends
whatever bytes to a box. What the box does with them is the point.
"""

import asyncio
import json
import re
from pathlib import Path

import nats

from hil_tests.bench.fleet import FleetServer


def publish(fleet: FleetServer, topic: str, payload: bytes) -> None:
    """Send one message down to boxes, past the server's own rules."""
    address, password = _credentials(fleet.data / "nats" / "server.conf")
    asyncio.run(_publish(address, password, topic, payload))


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
