"""HTTP: the region table."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from fleet_server.http_errors import ProblemError
from fleet_server.people import Action, Call, needs
from fleet_server.regions.table import Region

router = APIRouter(prefix="/api/v1/regions", tags=["regions"])

Code = Annotated[str, Path(pattern=r"^[0-9]{6}$")]


class RegionShown(BaseModel):
    """`valid_from`, `valid_to`: YYYY-MM of the dated lists, empty if open."""

    code: str
    name: str
    name_en: str
    valid_from: str
    valid_to: str


class RegionWithChildren(BaseModel):
    """A region, what is around it (the country first, itself last) and what is directly below it."""

    path: list[RegionShown]
    children: list[RegionShown]


@router.get("/{code}")
def show_region(code: Code, call: Annotated[Call, needs(Action.REGION_READ)]) -> RegionWithChildren:
    """The table is public; it says nothing of what stands in a region."""
    regions = call.fleet.regions
    if regions.find(code) is None:
        raise ProblemError("REGION_UNKNOWN", code)
    return RegionWithChildren(
        path=[_shown(region) for region in regions.path(code)],
        children=[_shown(region) for region in regions.children(code)],
    )


def _shown(region: Region) -> RegionShown:
    return RegionShown(
        code=region.code,
        name=region.name,
        name_en=region.name_en,
        valid_from=region.valid_from,
        valid_to=region.valid_to,
    )
