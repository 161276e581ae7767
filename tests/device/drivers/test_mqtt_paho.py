"""The box's MQTT session against the real broker with real certificates."""

import asyncio
import gc
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from device.drivers import mqtt_paho
from device.drivers.mqtt_paho import ARRIVED_BYTES_MAX, CONNECT_S, PahoUplink
from device.ports import DriverError
from device.protocol import topics
from fleet_server.broker import Broker, BrokerPlan, UplinkMessage, find_binary
from tests.fleet_server.fake_box import eventually
from tests.fleet_server.pki import FleetPki

BOX = "KTV-AAAA0001"


class Fleet:
    """A broker that lets one box in and keeps what it delivers."""

    def __init__(self, path: Path) -> None:
        self.pki = FleetPki(path)
        self.active = True
        self.delivered: list[UplinkMessage] = []
        self.plan = BrokerPlan(
            directory=path / "nats",
            mqtt_host="127.0.0.1",
            mqtt_port=0,
            certificate=self.pki.server.certificate,
            private_key=self.pki.server.key,
            client_ca=self.pki.ca.certificate,
        )

    async def may_connect(self, box: str) -> bool:
        return self.active and box == BOX

    async def deliver(self, messages: list[UplinkMessage]) -> frozenset[int]:
        self.delivered += messages
        return frozenset()

    def tls(self, ca: Path | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(ca or self.pki.ca.certificate)
        pair = self.pki.box(BOX)
        context.load_cert_chain(pair.certificate, pair.key)
        return context


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
async def broker(fleet: Fleet) -> AsyncIterator[Broker]:
    async with Broker(fleet.plan, find_binary(os.environ), fleet.may_connect, fleet.deliver) as broker:
        yield broker


async def test_up_arrives_and_down_is_heard(fleet: Fleet, broker: Broker) -> None:
    uplink = PahoUplink("127.0.0.1", broker.mqtt_port, fleet.tls)
    await uplink.connect(BOX, topics.subscriptions(BOX))
    await uplink.publish(topics.up(BOX, "journal"), b"batch")
    await eventually(lambda: fleet.delivered, "delivery")
    broker.send(topics.down(BOX, "order"), b"order")
    broker.send(topics.down_all("notice"), b"notice")
    messages = uplink.messages()
    heard = [await asyncio.wait_for(anext(messages), 30) for _ in range(2)]
    await uplink.close()
    assert [message.payload for message in fleet.delivered] == [b"batch"]
    assert set(heard) == {("v1/dn/KTV-AAAA0001/order", b"order"), ("v1/dn/all/notice", b"notice")}


HUGE = b"\x30\xff\xff\xff\x7f" + bytes(1 << 16)  # announces 256 MB
EXACTLY_ONCE = b"\x34\x09\x00\x05topic\x00\x01"


@pytest.mark.parametrize("hostile", [HUGE, EXACTLY_ONCE])
async def test_a_broker_that_sends_what_nobody_asked_for_is_left(fleet: Fleet, hostile: bytes) -> None:
    left = asyncio.Event()

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)  # CONNECT
        writer.write(b"\x20\x02\x00\x00")
        asked = await reader.read(1024)  # SUBSCRIBE
        count = len(topics.subscriptions(BOX))
        writer.write(bytes([0x90, 2 + count]) + asked[2:4] + bytes(count) + hostile)
        while await reader.read(1024):
            pass
        left.set()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(fleet.pki.server.certificate, fleet.pki.server.key)
    async with await asyncio.start_server(broker, "127.0.0.1", 0, ssl=context) as server:
        uplink = PahoUplink("127.0.0.1", server.sockets[0].getsockname()[1], fleet.tls)
        await uplink.connect(BOX, topics.subscriptions(BOX))
        with pytest.raises(DriverError, match="UPLINK_HOSTILE"):
            await asyncio.wait_for(anext(uplink.messages()), 30)
        await asyncio.wait_for(left.wait(), 30)
        await uplink.close()


async def test_many_publishes_at_once_are_all_acknowledged(fleet: Fleet, broker: Broker) -> None:
    uplink = PahoUplink("127.0.0.1", broker.mqtt_port, fleet.tls)
    await uplink.connect(BOX, topics.subscriptions(BOX))
    await asyncio.gather(*(uplink.publish(topics.up(BOX, "receipt"), b"%d" % n) for n in range(100)))
    await eventually(lambda: len(fleet.delivered) == 100, "all deliveries")
    assert {message.payload for message in fleet.delivered} == {b"%d" % n for n in range(100)}
    await uplink.close()


async def test_an_attempt_that_is_refused_leaves_no_socket_to_the_collector(fleet: Fleet, broker: Broker) -> None:
    fleet.active = False
    open_before = 0
    gc.disable()
    try:
        for number in range(4):
            assert await refusal_of(PahoUplink("127.0.0.1", broker.mqtt_port, fleet.tls)) == "UPLINK_REFUSED"
            if number == 0:
                open_before = sockets_open()
        assert sockets_open() <= open_before
    finally:
        gc.enable()


def sockets_open() -> int:
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found += str(descriptor.readlink()).startswith("socket:")
    return found


async def test_a_session_that_ends_is_said_to_reader_and_writer(fleet: Fleet, broker: Broker) -> None:
    uplink = PahoUplink("127.0.0.1", broker.mqtt_port, fleet.tls)
    await uplink.connect(BOX, topics.subscriptions(BOX))
    second = PahoUplink("127.0.0.1", broker.mqtt_port, fleet.tls)
    await second.connect(BOX, topics.subscriptions(BOX))  # the broker lets one session of a name live
    with pytest.raises(DriverError, match="UPLINK_DOWN"):
        await asyncio.wait_for(anext(uplink.messages()), 30)
    with pytest.raises(DriverError, match="UPLINK_DOWN"):
        await uplink.publish(topics.up(BOX, "journal"), b"late")
    await uplink.close()
    await second.close()


async def refusal_of(uplink: PahoUplink) -> str:
    """The code with which an attempt ends."""
    with pytest.raises(DriverError) as caught:
        await uplink.connect(BOX, topics.subscriptions(BOX))
    await uplink.close()
    return caught.value.code


async def test_what_is_wrong_with_a_broker_is_named(fleet: Fleet, broker: Broker, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    stranger = FleetPki(other, "another CA").ca.certificate
    for _ in range(3):
        assert await refusal_of(PahoUplink("127.0.0.1", 1, fleet.tls)) == "UPLINK_DOWN"
        assert await refusal_of(PahoUplink("no-such-name.invalid", 1, fleet.tls)) == "UPLINK_NAME"
        tls = partial(fleet.tls, stranger)
        assert await refusal_of(PahoUplink("127.0.0.1", broker.mqtt_port, tls)) == "UPLINK_TLS"
        fleet.active = False
        assert await refusal_of(PahoUplink("127.0.0.1", broker.mqtt_port, fleet.tls)) == "UPLINK_REFUSED"
        fleet.active = True
        uplink = PahoUplink("127.0.0.1", broker.mqtt_port, fleet.tls)
        await uplink.connect(BOX, topics.subscriptions(BOX))
        await uplink.close()


async def test_11_5_whoever_closes_before_tls_has_said_no(fleet: Fleet) -> None:
    async def edge(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(edge, "127.0.0.1", 0) as server:
        uplink = PahoUplink("127.0.0.1", server.sockets[0].getsockname()[1], fleet.tls)
        assert await refusal_of(uplink) == "UPLINK_REFUSED"


async def test_whoever_answers_nothing_holds_no_thread(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-open line, or a broker that drips its handshake: the attempt ends in time, again and again."""
    monkeypatch.setattr(mqtt_paho, "CONNECT_S", 1.0)
    gone = asyncio.Queue[None]()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass
        gone.put_nowait(None)
        writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        for _ in range(2):
            uplink = PahoUplink("127.0.0.1", server.sockets[0].getsockname()[1], fleet.tls)
            assert await refusal_of(uplink) == "UPLINK_REFUSED"
            await asyncio.wait_for(gone.get(), 30)


async def test_an_attempt_that_is_cancelled_ends_the_line_at_once(fleet: Fleet) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        begun.set()
        await reader.read()
        ended.set()
        writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        uplink = PahoUplink("127.0.0.1", server.sockets[0].getsockname()[1], fleet.tls)
        attempt = asyncio.create_task(uplink.connect(BOX, topics.subscriptions(BOX)))
        await begun.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await asyncio.wait_for(ended.wait(), CONNECT_S / 2)
        await uplink.close()
    assert ended.is_set()


async def test_an_attempt_that_succeeds_after_it_was_given_up_leaves_nothing_open(
    fleet: Fleet, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, sockets = paho.Client.connect, list[object]()

    def connect_late(client: mqtt_paho._Client, host: str, port: int, keepalive: int) -> MQTTErrorCode:
        result = connect(client, host, port, keepalive)
        sockets.append(client.socket())
        client.is_abandoned = True
        return result

    monkeypatch.setattr(mqtt_paho._Client, "connect", connect_late)
    client = mqtt_paho._Client(CallbackAPIVersion.VERSION2, client_id=BOX)
    client.tls_set_context(fleet.tls())
    await asyncio.to_thread(client.contact, "127.0.0.1", broker.mqtt_port)
    assert sockets != [None], "it had made contact"
    assert client.socket() is None


async def test_what_waits_of_a_broker_that_sends_without_end_has_a_bound_in_bytes() -> None:
    uplink = PahoUplink("127.0.0.1", 1, ssl.create_default_context)
    large = paho.MQTTMessage(topic=b"v1/dn/KTV-00A1/order")
    large.payload = bytes(500_000)
    for _ in range(200):  # the loop does not run meanwhile
        uplink._on_message(paho.Client(CallbackAPIVersion.VERSION2), None, large)
    uplink._soon(uplink._end, "over")
    taken: list[int] = []

    async def take_all() -> None:
        async for _, payload in uplink.messages():
            taken.append(len(payload))

    with pytest.raises(DriverError, match="over"):
        await take_all()
    assert ARRIVED_BYTES_MAX - 500_000 < sum(taken) <= ARRIVED_BYTES_MAX
    uplink._on_message(paho.Client(CallbackAPIVersion.VERSION2), None, large)
    _, payload = await anext(uplink.messages())
    assert len(payload) == 500_000, "what was taken makes room"
