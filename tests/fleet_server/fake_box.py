"""A box's MQTT side for tests: paho with a client certificate, everything that happens kept in lists.

async with FakeBox(pki, port, "KTV-AAAA0001") as box:
    await box.connected()
    box.publish("journal", batch)
    ack = await box.received("ack")
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.fleet_server.pki import FleetPki, KeyPair

PATIENCE_S = 30.0


async def eventually(condition: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """The first true value of `condition`; fails the test when none comes."""
    deadline_s = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline_s, f"waited {within_s:.0f} s for: {what}"
        await asyncio.sleep(0.01)


class FakeBox:
    """One MQTT client; `client_id` is another than `name` only where a test wants a lie."""

    def __init__(
        self, pki: FleetPki | Path, port: int, name: str, client_id: str | None = None, pair: KeyPair | None = None
    ) -> None:
        self.name = name
        self._port = port
        self.connects: list[ReasonCode] = []
        self.disconnects: list[ReasonCode] = []
        self.grants: list[list[int]] = []
        self.acknowledged: list[int] = []
        self.messages: list[tuple[str, bytes]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id or name, protocol=paho.MQTTv311)
        if isinstance(pki, Path):  # the CA of a whole fleet server, which has issued the box's own pair
            assert pair is not None
            self._set_tls(pki, pair)
        else:
            self._set_tls(pki.ca.certificate, pair or pki.box(name))
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self._let_in(reason)
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.disconnects.append(reason)
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: self.grants.append(
            [int(reason.value) for reason in reasons]
        )
        self.client.on_publish = lambda _c, _u, mid, _r, _p: self.acknowledged.append(mid)
        self.client.on_message = lambda _c, _u, message: self.messages.append((message.topic, bytes(message.payload)))

    def _set_tls(self, ca: Path, pair: KeyPair) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(pair.certificate, pair.key)
        self.client.tls_set_context(context)

    async def __aenter__(self) -> Self:
        self.client.connect_async("localhost", self._port, keepalive=30)
        self.client.loop_start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)
        self.client._reset_sockets()  # the pair that wakes its thread is left to the collector otherwise

    async def connected(self, times: int = 1) -> None:
        """Wait until the broker let it in for the nth time and granted what a box subscribes to."""
        granted = [0, 0]
        await eventually(lambda: self.grants.count(granted) >= times, f"{self.name} connected")

    def _let_in(self, reason: ReasonCode) -> None:
        if not reason.is_failure:
            self.client.subscribe([(f"v1/dn/{self.name}/#", 0), ("v1/dn/all/#", 0)])
        self.connects.append(reason)

    def publish(self, kind: str, payload: bytes) -> int:
        return self.client.publish(f"v1/up/{self.name}/{kind}", payload, qos=1).mid

    async def received(self, kind: str, count: int = 1) -> bytes:
        """The payload of the nth message of this kind, to this box or to all."""
        topics = {f"v1/dn/{self.name}/{kind}", f"v1/dn/all/{kind}"}

        def found() -> list[bytes]:
            return [payload for topic, payload in self.messages if topic in topics]

        await eventually(lambda: len(found()) >= count, f"{self.name} received {kind} #{count}")
        return found()[count - 1]
