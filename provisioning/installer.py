"""The installer's steps at a venue: claim, pair, status. Each may be done twice and ends the same."""

import argparse
import json

from device.protocol.enrolment import Voucher
from device.protocol.errors import ProtocolError
from device.protocol.venue_code import require_venue_code
from provisioning import durable, http
from provisioning.errors import ProvisioningError
from provisioning.factory import read_label
from provisioning.wording import Voice


def claim(options: argparse.Namespace, voice: Voice, now_ms: int) -> dict[str, object]:
    """Hand the voucher to the box, which claims the venue from the fleet by itself (SPEC 14.3)."""
    try:
        raw = options.voucher.read_bytes()
        voucher = Voucher.decode(raw)
    except OSError as error:
        raise ProvisioningError("VOUCHER_FILE", f"{options.voucher}: {error.strerror}") from error
    except ProtocolError as error:
        raise ProvisioningError("VOUCHER_FILE", f"{options.voucher}: {error}") from error
    if options.venue is not None:
        _require_venue(options.venue, voucher.venue)
    if voucher.not_after_ms < now_ms:
        voice.say("凭证看来已过期，仍尝试一次。", "The voucher seems to have expired; trying all the same.")
    answer = http.box(options.url).request("POST", "/v1/claim", {"voucher": json.loads(raw)})
    if answer.get("box") != voucher.box:
        raise ProvisioningError("BOX_OTHER", f"the voucher is for {voucher.box}, the box is {answer.get('box')}")
    voice.say(f"{voucher.box} 已绑定 {voucher.venue}。", f"{voucher.box} stands in {voucher.venue} now.")
    return {name: answer.get(name) for name in ("box", "venue", "region")}


def pair(options: argparse.Namespace, voice: Voice, _now_ms: int) -> dict[str, object]:
    """A token for the VOD server; it is shown once and the box keeps only its hash."""
    code = options.label_code if options.label is None else read_label(options.label)["label_code"]
    answer = http.box(options.url).request("POST", "/v1/pair", {"label_code": code, "vod": options.vod})
    token = str(answer.get("token", ""))
    if options.out is None:
        return {"token": token}
    durable.write(options.out, token.encode() + b"\n", durable.SECRET_MODE)
    voice.say(f"令牌已写入 {options.out}。", f"The token is in {options.out}.")
    return {"vod": options.vod, "token_file": str(options.out)}


def status(options: argparse.Namespace, _voice: Voice, _now_ms: int) -> dict[str, object]:
    """What the box says of itself (GET /v1/state)."""
    try:
        token = options.token.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise ProvisioningError("TOKEN_UNKNOWN", f"{options.token}: {error}") from error
    return http.box(options.url, token).request("GET", "/v1/state")


def _require_venue(typed: str, voucher_venue: str) -> None:
    try:
        require_venue_code(typed)
    except ProtocolError as error:
        raise ProvisioningError(error.code, error.detail) from error
    if typed != voucher_venue:
        raise ProvisioningError("VENUE_OTHER", f"the voucher is for {voucher_venue}")
