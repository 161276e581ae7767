"""The description of the LAN interface is true: routes, answers, and nothing left out."""

import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import jsonschema_rs

from device.services.lan_server import LanServer
from tests import builders
from tests.device.services.lan_rig import LanRig, lan_rig

DESCRIPTION: dict[str, Any] = json.loads(pkgutil.get_data("device.services", "openapi.json") or b"")


def check(schema: str, value: object) -> None:
    """Raises ValidationError."""
    described = {"$ref": f"#/components/schemas/{schema}", "components": DESCRIPTION["components"]}
    jsonschema_rs.validate(described, value)


async def test_every_route_is_described_and_every_description_is_a_route(tmp_path: Path) -> None:
    rig = LanRig(tmp_path)
    server: LanServer = rig.lan
    served = {(method, re.sub(r":[^}]+", "", path)) for method, path in server.routes()}
    described = {
        (method.upper(), path)
        for path, item in DESCRIPTION["paths"].items()
        for method in item
        if method in ("get", "post", "put", "delete", "patch")
    }
    assert served == described


async def test_answers_have_the_shape_that_is_described(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        _, play = await rig.play()
        _, asked = await rig.get("/v1/songs/000482?room=K1")
        _, refusal = await rig.play(song="unheard-of")
        async with rig.http.post(
            "/v1/orders", data=builders.order_envelope("stop"), headers={"Content-Type": "application/json"}
        ) as response:
            receipt = await response.json()
        _, state = await rig.get("/v1/state")
        _, served = await rig.get("/openapi.json")
    check("Play", play)
    check("Verdict", asked)
    check("Refusal", refusal)
    check("Envelope", receipt)
    check("State", state)
    assert set(state) <= set(DESCRIPTION["components"]["schemas"]["State"]["properties"])
    assert served == DESCRIPTION
