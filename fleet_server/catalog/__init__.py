"""catalog: song lists as imported, the list in work, releases that two custodians signed."""

from fleet_server.catalog.store import (
    Import,
    Release,
    current,
    find_songs,
    list_imports,
    list_releases,
    releases_with,
    songs_count,
    titles,
)

__all__ = [
    "Import",
    "Release",
    "current",
    "find_songs",
    "list_imports",
    "list_releases",
    "releases_with",
    "songs_count",
    "titles",
]
