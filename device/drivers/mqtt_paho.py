"""The MQTT session with the fleet, on paho-mqtt 2 (SPEC 11).

paho's network loop runs in its own thread; everything it tells comes into the event loop by
`call_soon_threadsafe`. One object of paho is one session: paho's own reconnecting is switched off,
because who reconnects, and when, is the uplink's decision (SPEC 11.4).

What ended an attempt or a session is in the code of its DriverError: UPLINK_DOWN (nobody answers, or a session was
lost), UPLINK_NAME, UPLINK_TLS, UPLINK_REFUSED, UPLINK_HOSTILE.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from device.ports import DriverError
from device.protocol.limits import ORDER_BYTES_MAX

KEEPALIVE_S = 30
CONTACT_S = 4.0  # the kernel asks at 0, 1 and 3 s
CONNECT_S = 15.0  # name, contact, TLS and subscriptions together
SILENT_S = 10  # sent bytes that nobody acknowledges end the session: the line is gone, whatever it looks like
PROBE_IDLE_S, PROBE_EVERY_S = 10, 3  # and an idle line is asked
PUBLISH_S = 30.0
INFLIGHT_MAX = 20
ARRIVED_MAX = 1024  # then messages are dropped: QoS 0, the fleet sends again what a report lacks (SPEC 10.5)
PACKET_BYTES_MAX = ORDER_BYTES_MAX + 1024  # the largest document, and its topic
ARRIVED_BYTES_MAX = 2 * ORDER_BYTES_MAX  # of all that wait; what comes beyond is dropped likewise
_log = logging.getLogger(__name__)


class _Client(paho.Client):
    """A session that a hostile broker cannot fill the box's memory with: paho would take packets of 256 MB, and keep
    QoS 2 messages, for which nobody has asked, for ever. Nor can it hold the thread that shakes hands.
    """

    tls: ssl.SSLSocket | None = None  # since contact was made
    is_hostile = False
    is_abandoned = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._letting_go = threading.Lock()

    def contact(self, host: str, port: int) -> None:
        """Connect, in a thread of its own: whoever gave the attempt up may be gone before it ends."""
        try:
            self.connect(host, port, KEEPALIVE_S)
        finally:
            if self.is_abandoned:
                self.let_go()

    def abandon(self) -> None:
        """End an attempt that takes too long, wherever it is; from any thread."""
        self.is_abandoned = True
        if self.tls is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.tls, socket.SHUT_RDWR)

    def let_go(self) -> None:
        """End the thread and close every socket: paho leaves the pair that wakes its thread to the collector."""
        with self._letting_go:
            self.loop_stop()
            self._reset_sockets()

    def _packet_read(self) -> MQTTErrorCode:
        result = super()._packet_read()
        if self._in_packet["remaining_length"] > PACKET_BYTES_MAX or self._in_messages:
            _log.warning("the broker sends what it may not; the session ends")
            self.is_hostile = True
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return result

    def _create_socket_connection(self) -> socket.socket:
        line = socket.create_connection((self._host, self._port), CONTACT_S)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            (socket.TCP_USER_TIMEOUT, SILENT_S * 1000),
            (socket.TCP_KEEPIDLE, PROBE_IDLE_S),
            (socket.TCP_KEEPINTVL, PROBE_EVERY_S),
        ):
            line.setsockopt(socket.IPPROTO_TCP, option, value)
        return line

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        assert self._ssl_context is not None
        with contextlib.ExitStack() as undo:
            undo.callback(tcp_sock.close)
            tls = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
            undo.callback(tls.close)
            self.tls = tls
            if self.is_abandoned:
                raise TimeoutError("too late")
            tls.settimeout(CONNECT_S)
            tls.do_handshake()
            undo.pop_all()
        return tls


class PahoUplink:
    """One session at a time with one broker."""

    def __init__(self, host: str, port: int, tls: Callable[[], ssl.SSLContext]) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._client: _Client | None = None
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue(ARRIVED_MAX)
        self._came_bytes = self._taken_bytes = 0  # of a session; counted in paho's thread and in the loop's
        self._ended = DriverError("UPLINK_DOWN", "the session ended")
        self._published: dict[int, asyncio.Future[None]] = {}
        self._ready: asyncio.Future[None] = self._loop.create_future()

    async def connect(self, client_id: str, downlink: Sequence[str]) -> None:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.tls_set_context(self._tls())
        client.max_inflight_messages_set(INFLIGHT_MAX)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.user_data_set(list(downlink))
        self._client = client
        self._arrived = asyncio.Queue(ARRIVED_MAX)
        self._came_bytes = self._taken_bytes = 0
        self._ready = self._loop.create_future()
        try:
            async with asyncio.timeout(CONNECT_S):
                await asyncio.to_thread(client.contact, self._host, self._port)
                client.loop_start()
                await self._ready
        except (OSError, ValueError, TimeoutError) as error:
            client.abandon()
            await self.close()
            raise DriverError(_code_of(error, client), f"{self._host}:{self._port}: {error!r}") from error
        except DriverError:
            await self.close()
            raise
        except asyncio.CancelledError:
            client.abandon()
            raise

    async def publish(self, topic: str, payload: bytes) -> None:
        if self._client is None:
            raise DriverError("UPLINK_DOWN", "there is no session")
        done = self._loop.create_future()
        info = self._client.publish(topic, payload, qos=1)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise DriverError("UPLINK_DOWN", paho.error_string(info.rc))
        if info.is_published():
            return
        self._published[info.mid] = done
        try:
            async with asyncio.timeout(PUBLISH_S):
                await done
        except TimeoutError as error:
            raise DriverError("UPLINK_DOWN", "no PUBACK in time") from error
        finally:
            self._published.pop(info.mid, None)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        while (message := await self._arrived.get()) is not None:
            self._taken_bytes += len(message[1])
            yield message
        raise self._ended

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            await asyncio.to_thread(client.let_go)
        self._end("closed")

    # What follows is called in paho's thread.

    def _on_connect(self, client: paho.Client, downlink: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            self._soon(self._end, f"the broker refused: {reason}", "UPLINK_REFUSED")
        else:
            client.subscribe([(topic, 0) for topic in downlink])

    def _on_subscribe(self, client: paho.Client, _data: Any, _mid: int, reasons: Any, _props: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._soon(self._end, "the broker refused a subscription", "UPLINK_REFUSED")
        else:
            self._soon(self._begin, client)

    def _on_disconnect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
        self._soon(self._lost, client, str(reason))

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        # Here, before the loop hears of it: a loop that is busy takes nothing, and the broker sends on.
        if self._came_bytes - self._taken_bytes + len(message.payload) > ARRIVED_BYTES_MAX:
            _log.warning("too many bytes wait; %d for %s are dropped", len(message.payload), message.topic)
            return
        self._came_bytes += len(message.payload)
        self._soon(self._arrive, message.topic, bytes(message.payload))

    def _on_publish(self, _client: paho.Client, _data: Any, mid: int, _reason: Any, _props: Any) -> None:
        self._soon(self._acknowledge, mid)

    def _soon(self, call: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)

    # And what follows in the event loop's.

    def _begin(self, client: paho.Client) -> None:
        if client is self._client and not self._ready.done():
            self._ready.set_result(None)

    def _arrive(self, topic: str, payload: bytes) -> None:
        if self._arrived.qsize() < ARRIVED_MAX - 1:
            self._arrived.put_nowait((topic, payload))
        else:
            self._taken_bytes += len(payload)
            _log.warning("too many messages wait; one for %s is dropped", topic)

    def _acknowledge(self, mid: int) -> None:
        done = self._published.get(mid)
        if done is not None and not done.done():
            done.set_result(None)

    def _lost(self, client: paho.Client, why: str) -> None:
        if self._client is None or client is not self._client:
            return
        was_ready = self._ready.done()
        self._end(
            why, "UPLINK_HOSTILE" if self._client.is_hostile else "UPLINK_DOWN" if was_ready else "UPLINK_REFUSED"
        )

    def _end(self, why: str, code: str = "UPLINK_DOWN") -> None:
        error = self._ended = DriverError(code, why)
        for waiting in [self._ready, *self._published.values()]:
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # it may be that nobody waits any more
        if self._arrived.qsize() < ARRIVED_MAX:
            self._arrived.put_nowait(None)


def _code_of(error: Exception, client: _Client) -> str:
    """For an attempt that failed. Whoever ends TLS without an alert has no time now; an alert has a reason."""
    if isinstance(error, socket.gaierror):
        return "UPLINK_NAME"
    if client.tls is None:
        return "UPLINK_DOWN"
    is_alert = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return "UPLINK_TLS" if is_alert else "UPLINK_REFUSED"
