"""The broker against hostile and unlucky boxes; nats-server, TLS and paho are real."""

import asyncio
import json
import os
import signal
import socket
import ssl
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_server.broker import Broker, BrokerError, BrokerPlan, find_binary
from fleet_server.broker.child import require_version
from tests.fleet_server.broker.conftest import Ashore
from tests.fleet_server.fake_box import FakeBox, eventually
from tests.fleet_server.pki import FleetPki

A, B = "KTV-AAAA0001", "KTV-BBBB0002"


async def test_the_first_message_of_the_first_box_of_a_fresh_store_arrives(
    broker: Broker, pki: FleetPki, ashore: Ashore
) -> None:
    async with FakeBox(pki, broker.mqtt_port, A) as box:
        box.publish("journal", b"first")  # queued by paho: on the wire the moment the broker lets it in
        await eventually(lambda: ashore.delivered, "delivery")
    message = ashore.delivered[0]
    assert (message.box, message.kind, message.payload, message.attempts) == (A, "journal", b"first", 1)


async def test_what_is_sent_down_reaches_the_box_and_all_boxes(broker: Broker, pki: FleetPki) -> None:
    async with FakeBox(pki, broker.mqtt_port, A) as a, FakeBox(pki, broker.mqtt_port, B) as b:
        await a.connected()
        await b.connected()
        broker.send(f"v1/dn/{A}/order", b"for a")
        broker.send("v1/dn/all/order", b"for all")
        assert await a.received("order") == b"for a"
        assert await a.received("order", 2) == b"for all"
        assert await b.received("order") == b"for all"


async def test_11_3_a_box_hears_no_other_box(broker: Broker, pki: FleetPki) -> None:
    async with FakeBox(pki, broker.mqtt_port, A) as box:
        await box.connected()
        foreign = [f"v1/dn/{B}/#", "v1/dn/+/order", "v1/up/#", "#", "$MQTT/msgs/#", "$SYS/#", f"v1/up/{A}/#"]
        for topic in foreign:
            box.client.subscribe(topic, 0)
        await eventually(lambda: len(box.grants) == 1 + len(foreign), "answers")
        assert box.grants[1:] == [[0x80]] * len(foreign)


async def test_11_3_a_box_speaks_for_no_other_box_and_to_none(broker: Broker, pki: FleetPki, ashore: Ashore) -> None:
    async with FakeBox(pki, broker.mqtt_port, A) as a, FakeBox(pki, broker.mqtt_port, B) as b:
        await a.connected()
        await b.connected()
        downward = [f"v1/dn/{B}/order", "v1/dn/all/order"]
        for topic in [f"v1/up/{B}/journal", f"v1/up/{A}/more", *downward, f"$MQTT/msgs/v1/up/{B}/x"]:
            a.client.publish(topic, b"foreign", qos=1, retain=True)
        a.publish("journal", b"own")
        broker.send(f"v1/dn/{B}/order", b"last")
        assert await b.received("order") == b"last"
        await eventually(lambda: ashore.delivered, "delivery")
        assert ashore.payloads() == [b"own"]


async def test_a_will_reaches_nobody_else(broker: Broker, pki: FleetPki) -> None:
    async with FakeBox(pki, broker.mqtt_port, B) as b:
        await b.connected()
        a = FakeBox(pki, broker.mqtt_port, A)
        a.client.will_set(f"v1/dn/{B}/order", b"will", qos=0)
        async with a:
            await a.connected()
            broker.disconnect(A)
            await eventually(lambda: a.disconnects, "cut")
        broker.send(f"v1/dn/{B}/order", b"after")
        assert await b.received("order") == b"after"


@pytest.mark.parametrize(
    ("name", "client_id"),
    [
        (B, A),  # another's session would end
        ("KTV-ZZZZ9999", "KTV-ZZZZ9999"),  # certified, but no active box
        ("+", "+"),
        ("KTV-AAAA0001/#", "KTV-AAAA0001/#"),
        (">", ">"),
        ("ktv-aaaa0001", "ktv-aaaa0001"),
    ],
)
async def test_1_9_who_is_not_let_in_disturbs_nobody(broker: Broker, pki: FleetPki, name: str, client_id: str) -> None:
    async with FakeBox(pki, broker.mqtt_port, A) as honest:
        await honest.connected()
        async with FakeBox(pki, broker.mqtt_port, name, client_id) as liar:
            await eventually(lambda: liar.connects, "an answer")
            assert liar.connects[0].is_failure
        broker.send(f"v1/dn/{A}/look", b"{}")
        await honest.received("look")
        assert not honest.disconnects


async def test_a_certificate_of_another_ca_is_not_let_in(broker: Broker, pki: FleetPki, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    forged = FleetPki(elsewhere).box(A)
    async with (
        FakeBox(pki, broker.mqtt_port, A, pair=forged) as liar,
        FakeBox(pki, broker.mqtt_port, B) as honest,
    ):
        await honest.connected()
        assert not [reason for reason in liar.connects if not reason.is_failure]


async def test_older_tls_and_no_certificate_are_refused(broker: Broker, pki: FleetPki) -> None:
    def dial(newest: ssl.TLSVersion) -> bytes:
        context = ssl.create_default_context(cafile=str(pki.ca.certificate))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = newest
        with (
            socket.create_connection(("localhost", broker.mqtt_port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
            return tls.recv(4)

    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with pytest.raises(OSError, match=r"alert|reset|closed|EOF"):
            await asyncio.to_thread(dial, newest)


async def test_revoking_a_box_ends_its_session_and_it_stays_out(broker: Broker, pki: FleetPki, ashore: Ashore) -> None:
    async with FakeBox(pki, broker.mqtt_port, A) as box:
        await box.connected()
        ashore.active.remove(A)
        broker.disconnect(A)
        await eventually(lambda: box.disconnects, "cut")
        await eventually(lambda: len(box.connects) > 1, "another try")
        assert box.connects[-1].is_failure


async def test_messages_wait_while_the_database_cannot_take_them(broker: Broker, pki: FleetPki, ashore: Ashore) -> None:
    ashore.is_out_of_order = True
    async with FakeBox(pki, broker.mqtt_port, A) as box:
        sent = {box.publish("journal", b"%d" % number) for number in range(10)}
        await eventually(lambda: sent <= set(box.acknowledged) and ashore.refusals, "the broker took them")
        ashore.is_out_of_order = False
        await eventually(lambda: len(ashore.delivered) >= 10, "delivery")
    assert sorted(ashore.payloads()) == [b"%d" % number for number in range(10)]
    assert any(message.attempts > 1 for message in ashore.delivered)


async def test_a_killed_broker_comes_back_by_itself_and_keeps_what_it_acknowledged(
    broker: Broker, pki: FleetPki, ashore: Ashore
) -> None:
    ashore.is_out_of_order = True
    port, first = broker.mqtt_port, broker.child_pid
    assert first is not None
    async with FakeBox(pki, port, A) as box:
        sent = {box.publish("journal", b"before %d" % number) for number in range(20)}
        await eventually(lambda: sent <= set(box.acknowledged), "the broker took them")
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: broker.is_up and broker.child_pid != first, "another life")
        ashore.is_out_of_order = False
        await box.connected(times=2)
        box.publish("journal", b"after")
        await eventually(lambda: b"after" in ashore.payloads(), "delivery after")
        await eventually(lambda: len(set(ashore.payloads())) == 21, "delivery of all")
        broker.send(f"v1/dn/{A}/ack", b"down")
        await box.received("ack")
    assert broker.mqtt_port == port


async def test_a_renewed_certificate_is_served_and_boxes_come_again(
    pki: FleetPki, plan: BrokerPlan, ashore: Ashore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet_server.broker.broker.CERTIFICATE_LOOK_EVERY_S", 0.05)

    def serial(port: int) -> object:
        context = ssl.create_default_context(cafile=str(pki.ca.certificate))
        pair = pki.box("KTV-BBBB0002")
        context.load_cert_chain(pair.certificate, pair.key)
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1") as line:
            return line.getpeercert(binary_form=True)

    async with (
        Broker(plan, find_binary(os.environ), ashore.may_connect, ashore.deliver) as broker,
        FakeBox(pki, broker.mqtt_port, "KTV-AAAA0001") as box,
    ):
        await box.connected()
        for _ in range(3):
            before = await asyncio.to_thread(serial, broker.mqtt_port)
            pki.renew_server()
            async with asyncio.timeout(60):
                while await asyncio.to_thread(serial, broker.mqtt_port) == before:
                    pass
        await eventually(lambda: len(box.connects) > 1 and box.client.is_connected(), "the box again")
        box.publish("report", b"still here")
        await eventually(lambda: ashore.payloads() == [b"still here"], "the report")


async def test_secrets_are_in_a_file_that_only_its_owner_reads(broker: Broker, plan: BrokerPlan) -> None:
    config = plan.directory / "server.conf"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(plan.directory.stat().st_mode) == 0o700


async def test_nobody_enters_the_client_port_without_a_password(broker: Broker, plan: BrokerPlan) -> None:
    config = (plan.directory / "server.conf").read_text()
    port = int(config.split('listen: "127.0.0.1:')[1].split('"')[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"CONNECT " + json.dumps({"user": "service", "pass": "guess", "verbose": True}).encode())
    writer.write(b"\r\nPUB v1.dn.all.order 1\r\nx\r\nPING\r\n")
    answer = await asyncio.wait_for(reader.readline(), 30)
    assert b"Authorization Violation" in answer
    writer.close()


async def test_the_child_ends_with_the_broker(plan: BrokerPlan, ashore: Ashore) -> None:
    async with Broker(plan, find_binary(os.environ), ashore.may_connect, ashore.deliver) as broker:
        pid = broker.child_pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_broker_that_cannot_listen_says_so(plan: BrokerPlan, ashore: Ashore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = replace(plan, mqtt_port=port)
        with pytest.raises(BrokerError, match="address already in use"):
            async with Broker(busy, find_binary(os.environ), ashore.may_connect, ashore.deliver):
                pass


@pytest.mark.parametrize(
    ("output", "complaint"),
    [("nats-server: v2.10.4", "too old"), ("nats-server: v2.12.5", "too old"), ("hello", "version")],
)
async def test_1_9_an_old_broker_is_not_started(tmp_path: Path, output: str, complaint: str) -> None:
    binary = tmp_path / "nats-server"
    binary.write_text(f"#!/bin/sh\necho '{output}'\n")
    binary.chmod(0o755)
    with pytest.raises(BrokerError, match=complaint):
        await require_version(binary)
