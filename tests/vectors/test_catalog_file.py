"""The golden tables through the box's own file: mapped, checked page by page."""

import json
from pathlib import Path
from typing import Any

import pytest

from device.drivers.catalog_file import CatalogFile
from device.drivers.folder import Folder
from device.protocol.catalog import CatalogManifest, TableFile, file_key
from device.protocol.errors import MalformedError
from tests.builders import BoardSecret
from tests.device.protocol.builders import NOW_MS
from tests.vectors import outcomes

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "catalogs.json").read_text())
FOUR_SONGS = VECTORS[0]


def opened(folder: Path, vector: dict[str, Any]) -> CatalogFile:
    """A table as it comes from TUF, switched to."""
    data = outcomes.bytes_of(vector)
    facts = FOUR_SONGS["expect"] | vector["expect"]
    table = TableFile(
        epoch=facts["epoch"],
        entries=facts["entries"],
        path="catalog/new.bin",
        length=len(data),
        sha256=facts["sha256"],
        pages=facts["pages_sha256"],
    )
    catalog = CatalogFile(Folder(folder), BoardSecret())
    (folder / catalog.name_of(table)).write_bytes(data)
    manifest = CatalogManifest(epoch=table.epoch, issued_at_ms=NOW_MS, entries=table.entries, tables=(table,))
    catalog.switch(manifest.encode())
    return catalog


# No manifest can name a table of epoch 0 (SPEC 17.2), and a box takes none that no manifest names.
NAMEABLE = [vector for vector in VECTORS if vector["expect"].get("epoch") != 0]


@pytest.mark.parametrize("vector", NAMEABLE, ids=lambda vector: vector["name"])
def test_8_2_a_box_finds_what_is_there(vector: dict[str, Any], tmp_path: Path) -> None:
    expected = vector["expect"]
    if "code" in expected:
        with pytest.raises(MalformedError, match=expected["code"]):
            opened(tmp_path, vector)
        return
    catalog = opened(tmp_path, vector)
    assert [outcomes.song_plain(catalog.find(song)) for song in vector["songs"]] == expected["songs"]
    by_file = [catalog.find_by_file(file_key(file)) for file in vector["files"]]
    assert [record and record.song for record in by_file] == expected["files"]
    assert not catalog.is_damaged()
