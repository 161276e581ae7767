"""Vouchers: the right to claim one venue for one box, once (SPEC 14.2).

Rules:

1. The secret is shown once, to who issues the voucher. The database holds it sealed (AES-GCM, key file
   keys/vouchers.key, bound to the voucher's id), since the proof of SPEC 14.3 needs it: a stolen database alone
   claims nothing.
2. A voucher lives VOUCHER_FOR_MS. A new one for the same box withdraws those that were not used.
3. No voucher for a box that stands in a venue, nor for a venue that has a box.
"""

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, update

from device.protocol.enrolment import Voucher
from fleet_server import venues
from fleet_server.boxes import store
from fleet_server.boxes.model import vouchers
from fleet_server.boxes.status import Status
from fleet_server.http_errors import ProblemError
from fleet_server.people import Act

VOUCHER_FOR_MS = 72 * 3600 * 1000
_NONCE_BYTES = 12


def issue(act: Act, keys: Path, box: str, venue: str) -> Voucher:
    """Raises ProblemError; MalformedError for a mistyped venue code."""
    place = venues.one(act, venue)
    act.require(place.region)
    found = store.find(act.connection, box)
    if found is None:
        raise ProblemError("BOX_UNKNOWN", box)
    if found.status is Status.REVOKED:
        raise ProblemError("BOX_REVOKED", box)
    if found.venue is not None:
        raise ProblemError("ALREADY_CLAIMED", box)
    if store.find_at_venue(act.connection, venue) is not None:
        raise ProblemError("VENUE_TAKEN", venue)
    voucher = Voucher(
        voucher=f"V-{secrets.token_hex(8).upper()}",
        box=box,
        venue=venue,
        secret=secrets.token_hex(16),
        not_after_ms=act.now_ms + VOUCHER_FOR_MS,
    )
    act.connection.execute(
        update(vouchers).where(vouchers.c.box == box, vouchers.c.used_at_ms.is_(None)).values(is_withdrawn=True)
    )
    act.connection.execute(
        insert(vouchers).values(
            voucher=voucher.voucher,
            box=box,
            venue=venue,
            sealed_secret=_seal(keys, voucher.voucher, voucher.secret),
            not_after_ms=voucher.not_after_ms,
            issued_by=act.actor.person,
            issued_at_ms=act.now_ms,
            is_withdrawn=False,
        )
    )
    facts = {"box": box, "venue": venue, "not_after_ms": voucher.not_after_ms}
    act.record(f"voucher:{voucher.voucher}", place.region, after=facts, action="voucher.issue")
    return voucher


def open_secret(keys: Path, voucher: str, sealed: bytes) -> str:
    """The secret of a voucher, in hexadecimal."""
    raw = _cipher(keys).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], voucher.encode())
    return raw.hex()


def _seal(keys: Path, voucher: str, secret: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(keys).encrypt(nonce, bytes.fromhex(secret), voucher.encode())


def _cipher(keys: Path) -> AESGCM:
    return AESGCM((keys / "vouchers.key").read_bytes())
