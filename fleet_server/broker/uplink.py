"""The durable path from the boxes: the broker's own MQTT stream, and our consumer on it.

`$MQTT_msgs` keeps a message only while a consumer wants it, and the broker acknowledges it to the box
either way. So stream and consumer are made here, before anybody can connect. The broker takes the
stream as it finds it. A user stream beside it is no alternative: it lost acknowledged messages when
its leader died (measured, see the decisions).

A message is acknowledged to the broker after it was delivered here without an error; otherwise it
comes again, after a wait. Boxes keep their data until the signed ack all the same.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

STREAM = "$MQTT_msgs"
CONSUMER = "ingest"
SUBJECTS = "$MQTT.msgs.v1.up.>"
STREAM_BYTES_MAX = 4 << 30
BATCH_MESSAGES_MAX = 16  # a delivery is one transaction, and must be done well within ACK_WAIT_S
ACK_WAIT_S = 10
RETRY_AFTER_S = 1.0
_PULL_FOR_S = 20.0
_HEARTBEAT_S = 5.0


@dataclass(frozen=True)
class UplinkMessage:
    """What one box published: topic `v1/up/BOX/KIND`. `attempts` counts deliveries, this one included."""

    box: str
    kind: str
    payload: bytes
    attempts: int


# Returns the positions of those messages that must come again.
Deliver = Callable[[list[UplinkMessage]], Awaitable[frozenset[int]]]


class NotDeliveredError(Exception):
    """The database cannot take messages now; they stay in the stream and come again."""


async def require_stream(client: Client) -> None:
    """Make stream and consumer, or find them as they are wanted."""
    stream = client.jetstream()
    try:
        await stream.stream_info(STREAM)
    except NotFoundError:
        await stream.add_stream(
            StreamConfig(
                name=STREAM,
                subjects=["$MQTT.msgs.>"],
                retention=RetentionPolicy.INTEREST,
                storage=StorageType.FILE,
                num_replicas=1,
                # A full store must not stop the fleet; boxes send again what was never acknowledged.
                discard=DiscardPolicy.OLD,
                max_bytes=STREAM_BYTES_MAX,
            )
        )
    await stream.add_consumer(
        STREAM,
        ConsumerConfig(
            durable_name=CONSUMER,
            filter_subject=SUBJECTS,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=4 * BATCH_MESSAGES_MAX,
        ),
    )


async def pull(client: Client, deliver: Deliver) -> None:
    """Deliver messages in batches until cancelled; a batch is what is there, never waited for."""
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    wanted = 0
    while True:
        if wanted <= 0:
            wanted = BATCH_MESSAGES_MAX
            await _ask(client, inbox, wanted)
        found, ended = await _gather(subscription, wanted)
        wanted = 0 if ended else wanted - len(found)
        if found:
            await _deliver(found, deliver)


async def _ask(client: Client, inbox: str, count: int) -> None:
    request = {
        "batch": count,
        "expires": int(_PULL_FOR_S * 1e9),
        "idle_heartbeat": int(_HEARTBEAT_S * 1e9),
    }
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{CONSUMER}"
    await client.publish(subject, json.dumps(request).encode(), reply=inbox)


async def _gather(subscription: Subscription, wanted: int) -> tuple[list[Msg], bool]:
    """Wait for one message, then take what is there; True when the broker ended the request."""
    try:
        message = await subscription.next_msg(timeout=3 * _HEARTBEAT_S)
    except NatsTimeoutError:
        return [], True  # no heartbeat either: the request is lost
    found: list[Msg] = []
    while True:
        status = (message.headers or {}).get("Status")
        if status is None:
            found.append(message)
        elif status != "100":
            return found, True
        if len(found) >= wanted or not subscription.pending_msgs:
            return found, False
        message = await subscription.next_msg(timeout=_HEARTBEAT_S)


async def _deliver(found: list[Msg], deliver: Deliver) -> None:
    try:
        again = await deliver([_read(message) for message in found])
    except NotDeliveredError:
        again = frozenset(range(len(found)))
    for position, message in enumerate(found):
        if position in again:
            await message.nak(delay=RETRY_AFTER_S)
        else:
            await message.ack()


def _read(message: Msg) -> UplinkMessage:
    _, _, _, _, box, kind = message.subject.split(".", 5)  # permissions let nothing shorter through
    return UplinkMessage(box, kind, message.data, message.metadata.num_delivered)
