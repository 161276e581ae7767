"""The broker as the fleet server sees it: started, watched, started again; a way up and a way down.

One *life* is: child process up, stream and consumer made, callout listening (from then on boxes can
connect), uplink pulled; until the child or the connection ends. A life that ends is followed by
another with the same MQTT port and credentials.

Down is QoS 0: a message sent while the broker or the box is away is lost, and asked for by the box's
next report (SPEC 10.5). Nothing here retries it.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from fleet_server.broker import child
from fleet_server.broker.callout import CalloutError, Issuer, read_request
from fleet_server.broker.child import Access, BrokerError, BrokerPlan
from fleet_server.broker.uplink import Deliver, pull, require_stream

READY_WITHIN_S = 30.0
RESTART_WAIT_S_MAX = 10.0
LIVED_LONG_S = 60.0
CERTIFICATE_LOOK_EVERY_S = 30.0

MayConnect = Callable[[str], Awaitable[bool]]

_log = logging.getLogger(__name__)


class Broker:
    """Use as an async context manager: entering raises BrokerError if the first life does not begin."""

    def __init__(self, plan: BrokerPlan, binary: Path, may_connect: MayConnect, deliver: Deliver) -> None:
        self._plan = plan
        self._binary = binary
        self._may_connect = may_connect
        self._deliver = deliver
        self._issuer = Issuer(secrets.token_bytes(32))
        self._access = Access(
            auth_password=secrets.token_urlsafe(32),
            service_password=secrets.token_urlsafe(32),
            system_password=secrets.token_urlsafe(32),
            issuer=self._issuer.name,
        )
        self._client_port = 0
        self._child: asyncio.subprocess.Process | None = None
        self._service: Client | None = None
        self._system: Client | None = None
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()

    @property
    def mqtt_port(self) -> int:
        return self._plan.mqtt_port

    @property
    def child_pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def is_up(self) -> bool:
        return self._service is not None

    async def __aenter__(self) -> Self:
        await child.require_version(self._binary)
        if self._plan.mqtt_port == 0:
            self._plan = replace(self._plan, mqtt_port=child.free_port(self._plan.mqtt_host))
        first_is_up: asyncio.Future[None] = self._loop.create_future()
        self._watch = asyncio.create_task(self._live(first_is_up))
        async with AsyncExitStack() as unfinished:
            unfinished.push_async_callback(self.__aexit__)  # cancelled or failed: nothing may be left running
            await first_is_up
            unfinished.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def ended(self) -> None:
        """Wait for ever; a defect of ours that ends the watching comes out here."""
        assert self._watch
        await asyncio.shield(self._watch)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish to boxes at once; from any thread. Dropped while the broker is away."""
        self._loop.call_soon_threadsafe(self._run_errand, self._publish, topic, payload)

    def disconnect(self, box: str) -> None:
        """End the box's live session; from any thread. Whether it may come back, the callout asks."""
        self._loop.call_soon_threadsafe(self._run_errand, self._kick, box)

    def _run_errand(self, errand: Callable[..., Awaitable[None]], *arguments: object) -> None:
        async def run() -> None:
            try:
                await errand(*arguments)
            except (NatsError, OSError) as error:
                _log.warning("broker: %s: %r", errand.__name__, error)

        task = asyncio.create_task(run())
        self._errands.add(task)
        task.add_done_callback(self._end_errand)

    def _end_errand(self, task: "asyncio.Task[None]") -> None:
        self._errands.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a question stays unanswered, which refuses the connection; the box comes again
            _log.error("broker: errand failed: %r", error, exc_info=error)

    async def _publish(self, topic: str, payload: bytes) -> None:
        if self._service:
            await self._service.publish(topic.replace("/", "."), payload)

    async def _kick(self, box: str) -> None:
        if not self._system:
            return
        question = json.dumps({"auth": True, "mqtt_client": box}).encode()
        reply = await self._system.request("$SYS.REQ.SERVER.PING.CONNZ", question, timeout=5)
        found = json.loads(reply.data)
        for connection in found["data"].get("connections") or []:
            order = json.dumps({"cid": connection["cid"]}).encode()
            await self._system.request(f"$SYS.REQ.SERVER.{found['server']['id']}.KICK", order, timeout=5)

    async def _live(self, first_is_up: "asyncio.Future[None]") -> None:
        failures = 0
        while True:
            began_s = self._loop.time()
            try:
                await self._one_life(first_is_up)
            except (BrokerError, NatsError, OSError) as error:
                if not first_is_up.done():
                    first_is_up.set_exception(error)
                    return
                _log.error("broker: %s", error)
            failures = 0 if self._loop.time() - began_s > LIVED_LONG_S else failures + 1
            wait_s = min(0.1 * 2**failures, RESTART_WAIT_S_MAX)
            _log.warning("broker: starting again in %.1f s", wait_s)
            await asyncio.sleep(wait_s)

    async def _one_life(self, first_is_up: "asyncio.Future[None]") -> None:
        self._client_port = child.free_port("127.0.0.1")  # anew: somebody may have taken the last one meanwhile
        config = child.write_config(self._plan, self._client_port, self._access)
        async with contextlib.AsyncExitStack() as undo:
            process = await child.spawn(self._binary, config)
            undo.push_async_callback(child.stop, process)
            ended = asyncio.create_task(process.wait())
            await self._listening(ended)
            service = await self._connect("service", self._access.service_password, undo)
            await require_stream(service)
            system = await self._connect("system", self._access.system_password, undo)
            await system.subscribe("$SYS.ACCOUNT.APP.CONNECT", cb=self._check_newcomer)
            await system.flush()
            auth = await self._connect("auth", self._access.auth_password, undo)
            await auth.subscribe("$SYS.REQ.USER.AUTH", cb=self._take_question)
            await auth.flush()
            self._child, self._service, self._system = process, service, system
            undo.callback(self._forget)
            _log.info("broker: up, MQTT on %s port %d", self._plan.mqtt_host, self._plan.mqtt_port)
            if not first_is_up.done():
                first_is_up.set_result(None)
            pulling = asyncio.create_task(pull(service, self._deliver))
            undo.push_async_callback(_cancel, pulling)
            undo.push_async_callback(_cancel, asyncio.create_task(self._follow_certificate(process)))
            await asyncio.wait({pulling, ended}, return_when=asyncio.FIRST_COMPLETED)
            if pulling.done():
                pulling.result()  # its error is the reason
            raise BrokerError(f"nats-server ended with status {process.returncode}")

    async def _follow_certificate(self, process: asyncio.subprocess.Process) -> None:
        """A renewed certificate is taken without a restart. The broker ends the sessions that the callout let in: boxes
        come again by themselves (SPEC 11.4), twice a year.
        """
        seen = self._plan.certificate.stat().st_mtime_ns
        while True:
            await asyncio.sleep(CERTIFICATE_LOOK_EVERY_S)
            now = self._plan.certificate.stat().st_mtime_ns
            if now != seen:
                seen = now
                process.send_signal(signal.SIGHUP)

    def _forget(self) -> None:
        self._child = self._service = self._system = None

    async def _listening(self, ended: "asyncio.Task[int]") -> None:
        """Wait until the child listens, which it does when all its ports are open.

        The client library would wait two seconds between attempts. Raises BrokerError.
        """
        deadline_s = self._loop.time() + READY_WITHIN_S
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._client_port)
            except OSError as error:
                if ended.done() or self._loop.time() > deadline_s:
                    raise BrokerError(f"nats-server did not start: {child.last_words(self._plan)}") from error
                await asyncio.wait({ended}, timeout=0.02)
            else:
                writer.close()
                return

    async def _connect(self, user: str, password: str, undo: contextlib.AsyncExitStack) -> Client:
        client = await nats.connect(
            f"nats://127.0.0.1:{self._client_port}",
            user=user,
            password=password,
            allow_reconnect=False,  # a lost connection ends this life
            error_cb=_note_error,
        )
        undo.push_async_callback(_close, client)
        return client

    async def _take_question(self, question: Msg) -> None:
        """Questions are answered side by side: after a power cut a city asks at once, and the broker waits 10 s."""
        self._run_errand(self._answer, question)

    async def _answer(self, question: Msg) -> None:
        try:
            request = read_request(question.data)
            await self._require_active(request.box)
            answer: bytes | None = self._issuer.admit(request)
        except CalloutError as error:
            _log.warning("broker: refused a connection: %s", error)
            answer = self._issuer.deny(question.data, str(error))
        if answer:
            await question.respond(answer)

    async def _require_active(self, box: str) -> None:
        if not await self._may_connect(box):
            raise CalloutError(f"{box} is not an active box")

    async def _check_newcomer(self, advice: Msg) -> None:
        """A box that was revoked between the callout's question and its connection is cut here."""
        box = str(json.loads(advice.data)["client"].get("client_id", ""))
        if box and not await self._may_connect(box):
            self._run_errand(self._kick, box)


async def _note_error(error: Exception) -> None:
    _log.debug("broker: connection: %r", error)


async def _close(client: Client) -> None:
    with contextlib.suppress(NatsError, OSError):
        await client.close()


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
