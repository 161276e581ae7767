"""The disk of a box in service, as the box itself writes it: enrolled, claimed, with content and a lease.

    token = await written(settings, board, folder, builders.policy(), lay_catalog)    # of its VOD server

The identity is real, so that every part of the box comes up; the lease is signed as the tests sign, for no signature
of it is asked at a start. Orders are verified: give a policy with real keys where a box is to take some.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path

from cryptography import x509

from device.core import effects
from device.core import events as on
from device.crypto import certificates
from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.drivers.policy_store import PolicyStore
from device.first_loop import Happening
from device.inside import Inside
from device.outside import Outside
from device.ports import Board
from device.protocol.policy import AuthorityPolicy
from device.protocol.uplink import Report
from device.services.identity import Identity
from device.services.identity_facts import IDEVID
from device.settings import Settings
from device.shell import Shell
from tests import builders
from tests.device.services.enrolment_fleet import EnrolmentFleet, base64_of
from tests.fleet_server.repository.published import PublishedFleet

LABEL = "LABEL-01"


async def written(
    settings: Settings,
    board: Board,
    folder: Path,
    policy: AuthorityPolicy,
    lay_catalog: Callable[[CatalogFile], None],
    sing: Callable[[Inside], Awaitable[None]] | None = None,
) -> str:
    """folder: for the keys of its fleet. lay_catalog: as a download leaves it. Returns the token of a VOD server."""
    shell = Shell(settings, board)
    outside = Outside(settings, shell)
    await _enrolled(shell, folder, Path(settings.data_dir))
    await outside.close()
    content = Folder(f"{settings.data_dir}/content")
    PolicyStore(content, board.secret).save(policy.encode())
    lay_catalog(CatalogFile(content, board.secret))
    inside = Inside(settings, shell)
    inside.box._memory.verify = builders.fake_verify
    reports: asyncio.Queue[bytes] = asyncio.Queue()
    inside.runtime.perform_by({**inside._acts(), effects.Send: lambda effect: reports.put_nowait(effect.payload)})
    stopping = Happening()
    inside.begin()
    living = asyncio.create_task(inside.live(stopping))
    await inside.stands.wait()
    await inside.runtime.post(on.Connected())
    nonce = Report.decode(await reports.get()).nonce
    issued_at_ms = board.clock.rtc_ms()
    await inside.runtime.post(on.LeaseReceived(raw=builders.lease_envelope(nonce=nonce, issued_at_ms=issued_at_ms)))
    if sing is not None:
        await sing(inside)
    stopping.set()
    await living
    await shell.fall_silent()
    return shell.desk.pairing.pair(LABEL, "vod")


async def _enrolled(shell: Shell, folder: Path, data: Path) -> None:
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
    assert isinstance(shell.identity, Identity)
    idevid = certificates.pem_of(shell.identity.certificate(IDEVID))
    shell.identity.keep_claim(idevid, pem, facts)
