"""The catalog: its releases, and the song list in work."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from fleet_server import catalog
from fleet_server.catalog import Import, Release
from fleet_server.console import frame
from fleet_server.console.reading import read
from fleet_server.console.refusal import PageRoute
from fleet_server.people import Act, Action, Call, needs
from fleet_server.song_lists.rows import Song

RELEASES_MAX = 20
IMPORTS_MAX = 10
SONGS_PER_PAGE = 20

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Text = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogView:
    releases: list[tuple[Release, str]]  # with a word of `catalog.state`
    imports: list[Import]
    text: str
    songs: list[Song]
    songs_count: int
    more: str  # address of the next songs, empty at the end


@router.get("/catalog")
def show_catalog(
    request: Request, call: Annotated[Call, needs(Action.CATALOG_READ)], text: Text = "", after: Text = ""
) -> HTMLResponse:
    view = read(call, Action.CATALOG_READ, lambda act: _catalog(act, text.strip(), after))
    return frame.page(request, call, "catalog.html", view=view)


def _catalog(act: Act, text: str, after: str) -> CatalogView:
    current = catalog.current(act.connection)
    songs = catalog.find_songs(act.connection, text, after, SONGS_PER_PAGE + 1)
    shown = songs[:SONGS_PER_PAGE]
    asked = {"text": text} if text else {}
    return CatalogView(
        releases=[(one, _state(one, current)) for one in catalog.list_releases(act.connection, RELEASES_MAX)],
        imports=catalog.list_imports(act.connection, IMPORTS_MAX),
        text=text,
        songs=shown,
        songs_count=catalog.songs_count(act.connection),
        more=f"/catalog?{urlencode({**asked, 'after': shown[-1].song})}#songs" if len(songs) > SONGS_PER_PAGE else "",
    )


def _state(release: Release, current: Release | None) -> str:
    if release.released_at_ms is None:
        return "built"
    return "current" if release == current else "superseded"
