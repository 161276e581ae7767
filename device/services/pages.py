"""The status page of the box, for an inspector and the owner of the venue."""

from aiohttp import web

from device.services.desk import Desk


def add_routes(router: web.UrlDispatcher, desk: Desk) -> None:
    pass
