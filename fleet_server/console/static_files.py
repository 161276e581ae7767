"""The files that pages need; open to everybody, since the sign-in page needs them too."""

from fastapi import APIRouter
from starlette.responses import Response

from fleet_server.console.assets import assets
from fleet_server.console.refusal import PageRoute
from fleet_server.http_errors import ProblemError

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/static/{digest}/{name}")
def static_file(digest: str, name: str) -> Response:
    """A file under the name that its content has; another digest is another release's file."""
    asset = assets().get(name)
    if asset is None or asset.digest != digest:
        raise ProblemError("NOT_FOUND")
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(asset.content, media_type=asset.media_type, headers=headers)


@router.get("/favicon.ico")
def icon() -> Response:
    """Some browsers ask for it whatever the page says."""
    return Response(assets()["icon.svg"].content, media_type="image/svg+xml")
