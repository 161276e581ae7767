"""Small catalogs made by chance: what a box holds, and what the fleet releases over it."""

import random
from hashlib import sha256

from device.protocol.catalog import CatalogManifest, gone_row, row_of
from device.protocol.catalog_table import build
from tests.fleet_server.repository.published import a_table, catalog_of

MANIFEST = "catalog/manifest.json"

Songs = dict[str, bytes]


class Edition:
    """A manifest, the tables that it names by path, and the rows that it lists by song."""

    def __init__(self, epoch: int, files: dict[str, bytes], songs: Songs) -> None:
        self.epoch = epoch
        self.files = files
        self.songs = songs

    @property
    def raw(self) -> bytes:
        return self.files[MANIFEST]

    @property
    def manifest(self) -> CatalogManifest:
        return CatalogManifest.decode(self.raw)


def a_row(chance: random.Random, song: str) -> bytes:
    file = sha256(chance.randbytes(8)).hexdigest()
    return row_of(song, f"W{chance.randrange(9)}", file=file, duration_s=chance.randrange(600))


def a_base(chance: random.Random, epoch: int, count: int) -> Edition:
    songs = {f"S{number}": a_row(chance, f"S{number}") for number in chance.sample(range(2 * count), count)}
    path, data = f"catalog/{epoch}.bin", build(epoch, songs.values())
    files = catalog_of(epoch, len(songs), [a_table(path, data)])
    return Edition(epoch, files | {path: data}, songs)


def an_overlay(chance: random.Random, older: Edition, count: int) -> Edition:
    """Some songs changed, some gone, some new."""
    epoch = older.epoch + chance.randrange(1, 3)
    changed = {f"S{number}": a_row(chance, f"S{number}") for number in range(7_000, 7_000 + count)}
    gone = []
    untouched = sorted(set(older.songs) - set(changed))
    for song in chance.sample(untouched, min(2 * count, len(untouched))):
        if chance.random() < 0.5:
            gone.append(song)
        else:
            changed[song] = a_row(chance, song)
    songs = {song: row for song, row in (older.songs | changed).items() if song not in gone}
    path, data = f"catalog/{epoch}.bin", build(epoch, [*changed.values(), *map(gone_row, gone)])
    files = catalog_of(epoch, len(songs), [*older.manifest.tables, a_table(path, data)])
    kept = {name: raw for name, raw in older.files.items() if name != MANIFEST}
    return Edition(epoch, kept | files | {path: data}, songs)
