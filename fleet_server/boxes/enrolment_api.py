"""HTTPS for boxes: nonces, claims, renewals (SPEC 14.3, 14.4). Who calls is nobody until a signature is verified."""

import base64
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from fleet_server import ports
from fleet_server.boxes import claims, renewals
from fleet_server.boxes.nonces import NONCE_FOR_S, new_nonce
from fleet_server.certificates import der
from fleet_server.fleet import Fleet

router = APIRouter(prefix="/enrol/v1", tags=["enrolment"])


class NonceWanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    box: Annotated[str, Field(pattern=r"^KTV-[0-9A-Z]{4,32}$")]


class Nonce(BaseModel):
    """32 hexadecimal characters, good for `lasts_s`."""

    nonce: str
    lasts_s: int


class Broker(BaseModel):
    host: str
    port: int


class Claimed(BaseModel):
    """`certificate` (LDevID) and `ca` in base64 DER; `broker` is where the box connects by MQTT over TLS."""

    certificate: str
    ca: str
    broker: Broker
    venue: str
    region: str


@router.post("/nonce")
def give_nonce(body: NonceWanted, request: Request) -> Nonce:
    """A nonce for the claim of this box."""
    fleet: Fleet = request.app.state.fleet
    return Nonce(nonce=new_nonce(fleet.keys, body.box, fleet.clock.now_ms()), lasts_s=NONCE_FOR_S)


_ENVELOPE = {
    "type": "object",
    "required": ["payload", "payloadType", "signatures"],
    "properties": {"payload": {"type": "string"}, "payloadType": {"type": "string"}, "signatures": {"type": "array"}},
}
_CLAIM_BODY = {"required": True, "content": {"application/json": {"schema": _ENVELOPE}}}


@router.post("/claims", openapi_extra={"requestBody": _CLAIM_BODY})
async def accept_claim(request: Request) -> Claimed:
    """The body is a `claim` envelope; the same claim by the same key gets the same answer."""
    return await _answered(request, claims.accept)


@router.post("/renewals", openapi_extra={"requestBody": _CLAIM_BODY})
async def accept_renewal(request: Request) -> Claimed:
    """The body is a `renewal` envelope; the box's next certificate, or the one issued within the last day."""
    return await _answered(request, renewals.accept)


async def _answered(request: Request, accept: Callable[[Fleet, bytes, str, str], claims.Claimed]) -> Claimed:
    fleet: Fleet = request.app.state.fleet
    raw = await request.body()
    ip = request.client.host if request.client is not None else ""
    claimed = await run_in_threadpool(accept, fleet, raw, ip, str(request.scope["request_id"]))
    settings = fleet.settings
    port = ports.kept(fleet.data, "mqtt", settings.mqtt_port)
    return Claimed(
        certificate=base64.b64encode(der(claimed.certificate)).decode(),
        ca=base64.b64encode(der(claimed.authority)).decode(),
        broker=Broker(host=settings.public_host, port=port),
        venue=claimed.venue,
        region=claimed.region,
    )
