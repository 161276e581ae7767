"""HTTPS for boxes: the TUF repository as files (SPEC 5.1). What they hold is signed; no secret is among them."""

import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from fleet_server.http_errors import ProblemError

router = APIRouter(prefix="/tuf", tags=["tuf"])

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@router.get("/metadata/{name}")
def metadata(name: Annotated[str, InPath(max_length=128)], request: Request) -> FileResponse:
    """One metadata file, as `12.root.json` or `timestamp.json`."""
    return _file(request.app.state.fleet.tuf / "metadata", name)


@router.get("/targets/{path:path}")
def target(path: Annotated[str, InPath(max_length=512)], request: Request) -> FileResponse:
    """One target; ranges are answered, so that a cut download goes on where it stopped."""
    return _file(request.app.state.fleet.tuf / "targets", path)


def _file(folder: Path, path: str) -> FileResponse:
    names = path.split("/")
    if not all(_NAME.fullmatch(name) for name in names):
        raise ProblemError("NOT_FOUND")
    file = folder.joinpath(*names)
    if file.is_symlink() or not file.is_file():
        raise ProblemError("NOT_FOUND")
    return FileResponse(file, media_type="application/octet-stream")
