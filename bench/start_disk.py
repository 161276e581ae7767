"""The disk of a box in service, as the box itself writes it: ``python -m bench.start_disk FOLDER``.

FOLDER/board is the board (`start_box.py`). The identity is real, so that every part of the box comes up; the fleet's
documents are signed as the tests sign, for no signature is asked at a start. Prints the token of a VOD server.
"""

import asyncio
import base64
import json
import shutil
import sys
import time
from pathlib import Path

from cryptography import x509

from bench import songs
from bench.start_box import BoardOfFiles
from device.core import effects
from device.core import events as on
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.drivers.policy_store import PolicyStore
from device.inside import Inside
from device.outside import Outside
from device.protocol.catalog import CatalogManifest
from device.protocol.uplink import Report
from device.services.identity import Identity
from device.settings import Lan, Settings
from device.shell import Shell
from tests import builders
from tests.device.services.enrolment_fleet import EnrolmentFleet, base64_of
from tests.fleet_server.repository.published import PublishedFleet

LABEL = "LABEL-01"
PLAYS_COUNT = 500


def settings_of(folder: Path) -> Settings:
    return Settings(data_dir=folder / "box", board="emulated", board_dir=folder / "board", lan=Lan(port=0))


async def written(folder: Path) -> str:
    """Identity, content, state, journal; returns the token."""
    settings = settings_of(folder)
    ahead_ms = builders.NOON_MS - time.time_ns() // 1_000_000  # no bench may meet the closing hours
    settings.board_dir.mkdir()
    (settings.board_dir / "board.json").write_text(json.dumps({"counter": 0, "ahead_ms": ahead_ms}))
    shell = Shell(settings, BoardOfFiles(settings.board_dir).board())
    outside = Outside(settings, shell)
    await _enrolled(shell, folder)
    await outside.close()
    _with_content(shell, folder)
    inside = Inside(settings, shell)
    inside.box._memory.verify = builders.fake_verify
    reports: asyncio.Queue[bytes] = asyncio.Queue()
    inside.runtime.perform_by({**inside._acts(), effects.Send: lambda effect: reports.put_nowait(effect.payload)})
    stopping = asyncio.Event()
    living = asyncio.create_task(inside.live(stopping))
    await inside.stands.wait()
    await inside.runtime.post(on.Connected())
    nonce = Report.decode(await reports.get()).nonce
    issued_at_ms = shell.board.clock.rtc_ms()
    await inside.runtime.post(on.LeaseReceived(raw=builders.lease_envelope(nonce=nonce, issued_at_ms=issued_at_ms)))
    for number in range(PLAYS_COUNT):
        event = on.PlayRequested(
            request=f"r{number}", room=f"K{number % 50}", song=songs.song_id(number), kind="guest", file=""
        )
        await inside.runtime.ask(event.request, event)
    stopping.set()
    await living
    await shell.fall_silent()
    return shell.desk.pairing.pair(LABEL, "vod")


async def _enrolled(shell: Shell, folder: Path) -> None:
    """The factory's step, and a claim."""
    (folder / "pki").mkdir()
    fleet = EnrolmentFleet(folder / "pki")
    ca = base64_of(fleet.pki.ca.certificate)
    csr = await shell.desk.factory_csr({"box": builders.BOX})
    certificate = fleet.certificate_of(x509.load_der_x509_csr(base64.b64decode(csr["csr"])))
    body = {
        "certificate": certificate,
        "factory_ca": ca,
        "root": base64.b64encode(PublishedFleet(folder / "published").root).decode(),
        "fleet_url": "https://127.0.0.1:1",
        "fleet_ca": ca,
        "label_code": LABEL,
    }
    await shell.desk.factory_identity(body)
    pem = fleet.pki.ca.certificate.read_bytes()
    facts = {"venue": builders.VENUE, "region": builders.REGION, "broker": {"host": "127.0.0.1", "port": 1}}
    idevid = (folder / "box" / "identity" / "idevid.pem").read_bytes()
    assert isinstance(shell.identity, Identity)
    shell.identity.keep_claim(idevid, pem, facts)


def _with_content(shell: Shell, folder: Path) -> None:
    """Policy and catalog, as a download leaves them."""
    content = Folder(folder / "box" / "content")
    PolicyStore(content, shell.board.secret).save(builders.policy().encode())
    catalog = CatalogFile(content, shell.board.secret)
    raw = (folder / "manifest.json").read_bytes()
    (table,) = CatalogManifest.decode(raw).tables
    shutil.copyfile(folder / "catalog.bin", folder / "box" / "content" / catalog.name_of(table))
    catalog.switch(raw)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(written(Path(sys.argv[1])))))
