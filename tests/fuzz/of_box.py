"""Readers of the box's drivers and services: what lies on a card that was in foreign hands, what the LAN sends."""

import asyncio
import functools
import itertools
import json
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device.core import state_record
from device.core.memory import Memory
from device.core.recovery import recovered
from device.crypto import certificates
from device.drivers.journal_file import JournalFile
from device.drivers.journal_segment import SEGMENT_BYTES
from device.ports import DriverError, Frame, Recovered
from device.protocol.codec import dumps, loads
from device.protocol.errors import ProtocolError
from device.protocol.journal import BODIES, Entry, first_chain, next_chain
from device.protocol.limits import ENTRY_BYTES_MAX
from device.services import vod_requests
from device.settings import SettingsError, read_settings
from tests import builders
from tests.box_rig import Rig
from tests.device.drivers.crash_folder import CrashFolder
from tests.device.drivers.journal_builders import OWNER
from tests.device.services.lan_rig import LanRig
from tests.fleet_server.pki import FleetPki
from tests.fuzz.parser import Parser, Read, vectors

_SEGMENT = "00000001-000000000000.fbj"
_ENTRIES = 6


def _entries(seq: int) -> list[bytes]:
    """Of every kind that stands within an epoch, as this box writes them at this place."""
    # The name of this box is longer than theirs, and the longest of them has no room for it.
    read = [json.loads(raw) for raw in vectors("entries", "entry") if _is_entry(raw) and len(raw) < ENTRY_BYTES_MAX]
    own = {entry["kind"]: entry | {"box": builders.BOX, "epoch": 1, "seq": seq} for entry in read}
    return [dumps(entry) for kind, entry in own.items() if kind in BODIES and kind != "EPOCH"]


def _is_entry(raw: bytes) -> bool:
    with suppress(ProtocolError):
        Entry.decode(raw)
        return True
    return False


@functools.cache
def _segment() -> list[bytes]:
    """A journal of a few entries, without the zeros behind them."""
    disk = CrashFolder()
    journal = JournalFile(disk, OWNER)
    journal.recover()
    chain, frames = first_chain(builders.BOX, 1), []
    for seq in range(_ENTRIES):
        raw = _entries(seq)[seq]
        chain = next_chain(chain, seq, raw)
        frames.append(Frame(1, seq, raw, chain))
    journal.append(frames)
    return [bytes(disk.files[_SEGMENT]).rstrip(b"\0")]


def _recovery(raw: bytes) -> None:
    """A segment that is anything: opened, read, appended to, and opened again with what was appended.

    Behind damage the box goes on as it must, in a new epoch (SPEC 9.13).
    """
    disk = CrashFolder({_SEGMENT: bytearray(raw)})
    journal = JournalFile(disk, OWNER)
    found = journal.recover()
    read = [frame.seq for frame in journal.read(0, found.size, 1 << 20)] if found.size else []
    if found.damaged_at is None:
        assert read == list(range(found.size))
        epoch, seq, entry, head = found.epoch, found.size, _entries(found.size)[0], found.head
    else:
        assert read == [seq for seq in range(found.size) if seq in read]
        assert found.damaged_at not in read
        epoch, seq, entry = found.epoch + 1, 0, _epoch(found)
        head = first_chain(builders.BOX, epoch, found.head, found.size)
    journal.append([Frame(epoch, seq, entry, next_chain(head, seq, entry))])
    again = JournalFile(CrashFolder(disk.files), OWNER).recover()
    assert (again.epoch, again.size) == (epoch, seq + 1)


def _epoch(found: Recovered) -> bytes:
    """The entry that the box begins an epoch with."""
    body = {"size": found.size, "head": found.head.hex(), "reason": "damaged", "at": found.damaged_at}
    first = next(json.loads(raw) for raw in vectors("entries", "entry") if b'"kind":"EPOCH"' in raw and _is_entry(raw))
    return dumps(first | {"box": builders.BOX, "epoch": found.epoch + 1, "seq": 0, "body": body})


def _forged(entry: bytes) -> None:
    """Anything as the last entry, with the right sum and chain value: a start stands, and says where it is."""
    if not 1 <= len(entry) <= ENTRY_BYTES_MAX:
        return
    disk = CrashFolder({_SEGMENT: bytearray(_segment()[0].ljust(SEGMENT_BYTES, b"\0"))})
    journal = JournalFile(disk, OWNER)
    found = journal.recover()
    frame = Frame(1, found.size, entry, next_chain(found.head, found.size, entry))
    journal.append([frame])
    journal.tend()
    seconds = itertools.count(0, 100)
    again = JournalFile(CrashFolder(disk.files), OWNER, mono_s=lambda: next(seconds))
    found = again.recover()
    assert found.damaged_at == (None if OWNER.wrote(frame) else frame.seq)
    recovered(found.since_boot)
    again.tend()
    assert len(again.read(0, 99, 1 << 20)) == found.size - (found.damaged_at is not None)


def _state(raw: bytes) -> None:
    memory = Memory(builders.BOX, builders.fake_verify, lambda _: None, lambda _epoch, _size: None, lambda _: None)
    state_record.restore_state(memory, raw)


def _states() -> list[bytes]:
    rig = Rig()
    rig.order(builders.order_envelope("stop", grace_s=0))
    assert rig.disk.state is not None
    return [rig.disk.state]


def _vod(raw: bytes) -> None:
    value = loads(raw, 65_536)
    asked = {name: item for name, item in value.items() if name != "song"}
    for read in (
        lambda _: vod_requests.question(value.get("song"), asked),
        lambda fields: vod_requests.play_requested("r", fields),
    ):
        with suppress(ProtocolError):
            read(value)
    vod_requests.play_ended("r", value.pop("play", ""), value)


def _vods() -> list[bytes]:
    asked = {"room": "K1", "song": "000482", "kind": "guest", "file": ""}
    return [json.dumps(value).encode() for value in (asked, {"played_s": 200, "reason": "end", "play": "1-2"})]


def _settings() -> Read:
    path = Path(tempfile.mkdtemp(prefix="fuzz-")) / "box.toml"

    def read(raw: bytes) -> None:
        path.write_bytes(raw)
        read_settings(path)

    os.umask(0o077)
    return read


def _settings_seeds() -> list[bytes]:
    whole = """data_dir = "/var/lib/frontbox"
board = "emulated"
board_dir = "/run/board"
[lan]
host = "192.168.10.34"
port = 8090
hosts = ["box.local"]
[serial]
path = "/dev/ttyS0"
baud = 9600
[uplink]
broker = "broker.example:8883"
"""
    return [whole.encode(), b'data_dir = "/d"\nboard = "emulated"\nboard_dir = "/b"\n']


def _certificate(raw: bytes) -> None:
    for read in (
        certificates.pem_of,
        certificates.der_of,
        certificates.subject_of,
        certificates.ends_at_ms,
    ):
        with suppress(certificates.CertificateError):
            read(raw)


def _certificates() -> list[bytes]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        pem = FleetPki(Path(folder)).box(builders.BOX).certificate.read_bytes()
    return [pem, x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)]


class _Wire:
    """The LAN interface of a box in service, asked by raw bytes on one connection after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._errors: list[str] = []
        self._loop.set_exception_handler(lambda _, context: self._errors.append(str(context)[:300]))
        logging.getLogger().addHandler(_Told(self._errors))
        self._rig = self._loop.run_until_complete(self._begin())

    def read(self, raw: bytes) -> None:
        said = self._loop.run_until_complete(self._ask(raw.replace(b"TOKEN", self._rig.token.encode())))
        errors, self._errors[:] = list(self._errors), []
        assert not errors, errors
        statuses = [line.split()[1] for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.")]
        assert not {b"500", b"502", b"504"} & set(statuses), said[:300]

    async def _begin(self) -> LanRig:
        rig = LanRig(Path(tempfile.mkdtemp(prefix="fuzz-")))
        await rig.start()
        await rig.open()
        await rig.bring_into_service()
        return rig

    async def _ask(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._rig.address)
        said = b""
        try:
            writer.write(raw)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    while part := await reader.read(65_536):
                        said += part
                        if said.endswith((b"}", b"\r\n\r\n")):
                            break
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        return said


class _Told(logging.Handler):
    """Errors that the box writes into its log: it should have none, whatever is asked."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.append(record.getMessage()[:300])


def _requests() -> list[bytes]:
    head = b"Host: 127.0.0.1\r\nAuthorization: Bearer TOKEN\r\n"
    play = b'{"room":"K1","song":"000482","kind":"guest"}'
    post = b"POST /v1/plays HTTP/1.1\r\n" + head + b"Content-Type: application/json\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(play), play)
    return [
        b"GET /v1/songs/000482?room=K1&kind=guest HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /v1/songs/000482?room=K1 HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n",
        b"GET /v1/state HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /v1/state HTTP/1.0\r\n\r\n",
        post + b"Content-Length: %d\r\n\r\n%s" % (len(play), play),
        post + chunked,
        b"DELETE /v1/plays/1-2 HTTP/1.1\r\n" + head + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: " + b"http" + b"://localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]


PARSERS = [
    Parser("journal_recovery", _segment, lambda: _recovery, (DriverError,), share=2),
    Parser("journal_entry", lambda: [*_entries(_ENTRIES), b"nonsense", b"[" * 900], lambda: _forged, (), share=1),
    Parser("state_record", _states, lambda: _state, (state_record.StateDamagedError,), share=30),
    Parser("vod_requests", _vods, lambda: _vod),
    Parser("settings", _settings_seeds, _settings, (SettingsError,), share=30),
    Parser("certificates", _certificates, lambda: _certificate, (), share=30),
    Parser("lan_http", _requests, lambda: _Wire().read, (), share=1),
]
