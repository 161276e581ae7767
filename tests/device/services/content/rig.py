"""A box that fetches from a fleet, and ways in which a server misbehaves."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.drivers.policy_store import PolicyStore
from device.services.content import Content, ContentError
from device.services.content_on_disk import ContentOnDisk
from tests.builders import BoardSecret
from tests.device.services.content.tuf_server import TufServer
from tests.fleet_server.repository.published import PublishedFleet

SONGS = [f"{number:06d}" for number in range(2_000)]


class Box:
    """The content of one box; `restart` opens it again from disk."""

    def __init__(self, fleet: PublishedFleet, server: TufServer, folder: Path) -> None:
        self.fleet, self.server, self.folder = fleet, server, folder
        self.secret = BoardSecret()
        self.proven_ms: int | None = None
        self.passed_ms = self.passes_ms = 0  # by the box's clock: in all, and each time that it is read
        self.restart()

    def restart(self) -> list[Any]:
        content = Folder(self.folder / "content")
        self.catalog = CatalogFile(content, self.secret)
        kept = ContentOnDisk(self.catalog, PolicyStore(content, self.secret))
        self.content = Content(
            kept=kept,
            folder=self.folder / "content",
            trust=self.folder / "trust",
            root=self.fleet.root,
            fleet_url=self.server.url,
            fleet_ca=self.server.ca,
            mono_ms=self._mono_ms,
            proven_ms=lambda: self.proven_ms,
        )
        return kept.load()

    def _mono_ms(self) -> int:
        self.passed_ms += self.passes_ms
        return self.passed_ms

    async def look(self) -> list[Any]:
        """With the files of the catalog that it finds."""
        return [*await self.content.look(), *await self.content.fetch_catalog()]

    async def bundle(self, version: str, compatible: str = "board", security_epoch: int = 1) -> bytes:
        found = await self.content.fetch_bundle(version, compatible=compatible, security_epoch=security_epoch)
        return found.image.read_bytes()

    async def refused(self, version: str, compatible: str = "board", security_epoch: int = 1) -> str:
        with pytest.raises(ContentError) as caught:
            await self.bundle(version, compatible, security_epoch)
        return caught.value.code


def endless(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
    answer.send_response(200)
    answer.end_headers()
    try:
        for _ in range(1_000):
            answer.wfile.write(data + b"\n" * 100_000)
    except OSError:
        pass
    answer.close_connection = True
    return True


def answer_with(answer: BaseHTTPRequestHandler, data: bytes) -> None:
    answer.send_response(200)
    answer.send_header("Content-Length", str(len(data)))
    answer.end_headers()
    answer.wfile.write(data)
