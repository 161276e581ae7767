"""Sound documents, keys and one policy, the same in every run; a test takes one and changes one fact.

The county 310101 has two officers, the province above it two, the country one. Keys are made from numbers and sign by
RFC 6979, so that every byte of a signed document is the same tomorrow: the golden vectors are built from here too.
"""

from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from device.crypto.p256 import key_of_public
from device.protocol.bans import BanList, ListedBan
from device.protocol.catalog import CatalogManifest, ContentFile, TableFile
from device.protocol.enrolment import Claim, Renewal, Voucher
from device.protocol.envelope import seal
from device.protocol.journal import Checkpoint, Entry, first_chain, next_chain
from device.protocol.keys import Key
from device.protocol.lease import Extension, Lease
from device.protocol.notices import Notice
from device.protocol.orders import Order, Scope, Target
from device.protocol.policy import AuthorityPolicy, FleetKey, Person, Rules, ScopeLimit
from device.protocol.receipts import Receipt
from device.protocol.updates import BundleManifest, RolloutLeg
from device.protocol.uplink import Ack, Batch, JournalState, Ladder, Report, UpdateState

_CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

NOW_MS = 1_795_000_000_000
HOUR_MS = 3_600_000
BOX = "KTV-00A1"
VENUE = "J0131010100001Y"
OTHER_VENUES = ("J0150010300176E", "J01410105000517")
REGION = "310101"
NONCE = "00112233445566778899aabbccddeeff"


class FixedKey:
    """A P-256 key made from a number; it signs without chance (RFC 6979), with the low `s` (SPEC 3.1)."""

    def __init__(self, number: int) -> None:
        self.private = ec.derive_private_key(number, ec.SECP256R1())
        self.key = key_of_public(self.private.public_key())

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + min(s, _CURVE_ORDER - s).to_bytes(32, "big")


ZHANG, ZHANG_AT_HOME, LI, WANG, CHEN, ZHAO, STRANGER, BOX_KEY = [FixedKey(number) for number in range(1001, 1009)]
LEASE_KEY, ACK_KEY, ROLLOUT_KEY = [FixedKey(number) for number in range(1101, 1104)]

EVERYTHING = ("stop", "resume", "ban", "lift", "service", "notice")


def person(name: str, region: str, may: tuple[str, ...], *keys: Key) -> Person:
    return Person(person=name, name=name.title(), region=region, may=may, keys=keys)


@cache
def policy() -> AuthorityPolicy:
    return AuthorityPolicy(
        epoch=3,
        issued_at_ms=NOW_MS - 24 * HOUR_MS,
        persons=(
            person("zhang", "310101", EVERYTHING, ZHANG.key, ZHANG_AT_HOME.key),
            person("li", "310101", ("stop", "resume"), LI.key),
            person("wang", "310000", EVERYTHING, WANG.key),
            person("chen", "310000", EVERYTHING, CHEN.key),
            person("zhao", "000000", EVERYTHING, ZHAO.key),
        ),
        services=(
            FleetKey(use="lease", key=LEASE_KEY.key),
            FleetKey(use="ack", key=ACK_KEY.key),
            FleetKey(use="rollout", key=ROLLOUT_KEY.key),
        ),
        authorities=(),
        limits=(
            ScopeLimit(level=1, venues_max=1_000_000),
            ScopeLimit(level=2, venues_max=1_000_000),
            ScopeLimit(level=4, venues_max=2),
        ),
        moved=(),
        rules=Rules(cut_song_s=60),
    )


def stop(**changes: Any) -> Order:
    order = Order(
        order="310101-2026-000123",
        kind="stop",
        authority="310101",
        drafted_by="zhang",
        document="沪文执罚〔2026〕第0123号",
        basis="《娱乐场所管理条例》第四十八条",
        text_zh="因营业时间违规，责令停业整顿。",
        text_en="Closed by order for hours violations.",
        issued_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 72 * HOUR_MS,
        scope=Scope(venues=(VENUE,), region=""),
        ends_at_ms=NOW_MS + 720 * HOUR_MS,
        grace_s=30,
    )
    return order.replace(**changes)


def resume(**changes: Any) -> Order:
    return stop(
        order="310101-2026-000124", kind="resume", ends=("310101-2026-000123",), ends_at_ms=None, grace_s=0
    ).replace(**changes)


def ban(**changes: Any) -> Order:
    targets = (Target(by="work", id="W1"), Target(by="file", id="0" * 64))
    return stop(kind="ban", targets=targets, ends_at_ms=None, grace_s=0).replace(**changes)


def service(**changes: Any) -> Order:
    return stop(kind="service", action="clear-seal", opening=57, ends_at_ms=None, grace_s=0).replace(**changes)


def lift(**changes: Any) -> Order:
    return resume(kind="lift").replace(**changes)


def order_envelope(order: Order, *signers: FixedKey) -> bytes:
    return seal("order", order.encode(), signers or (ZHANG, LI)).encode()


def notice(**changes: Any) -> Notice:
    return Notice(
        notice="310101-2026-T00007",
        kind="warning",
        authority="310101",
        issued_by="zhang",
        scope=Scope(venues=(VENUE,), region=""),
        text_zh="请核对灭火器。",
        text_en="Check the fire extinguishers.",
        issued_at_ms=NOW_MS,
        show_until_ms=NOW_MS + 48 * HOUR_MS,
    ).replace(**changes)


def extension(**changes: Any) -> Extension:
    made = Extension(extension=5, region="310100", issued_at_ms=NOW_MS, full_until_ms=NOW_MS + 120 * HOUR_MS)
    return made.replace(**changes)


def lease(**changes: Any) -> Lease:
    return Lease(
        box=BOX,
        venue=VENUE,
        region=REGION,
        lease=7,
        nonce=NONCE,
        issued_at_ms=NOW_MS,
        full_until_ms=NOW_MS + 72 * HOUR_MS,
        core_from_ms=NOW_MS + 168 * HOUR_MS,
        stop_at_ms=NOW_MS + 240 * HOUR_MS,
        powered_s_max=300 * 3600,
        plays_max=60_000,
        policy_epoch=3,
        catalog_epoch=12,
    ).replace(**changes)


_PLAY = {"room": "K01", "song": "SONG-000482", "kind": "guest"}
BODY_OF: dict[str, dict[str, Any]] = {
    "EPOCH": {"size": 41, "head": "0" * 64, "reason": "lost", "at": 40},
    "BOOT": {"version": "1.4.0", "slot": "a", "clean": False, "torn_bytes": 17, "torn_sha256": "0" * 64, "counter": 9},
    "PLAY_START": _PLAY | {"catalog_epoch": 12},
    "PLAY_END": _PLAY
    | {"play": "1-41", "played_s": 61, "elapsed_s": 70, "reason": "end", "counted": True, "cut_song_s": 60}
    | {"policy_epoch": 3},
    "REFUSED": _PLAY | {"code": "VENUE_LOCKED"},
    "ORDER": {"order": "310101-2026-000123", "document": "0" * 64, "kind": "resume", "result": "accepted", "code": ""}
    | {"ends": ["310101-2026-000122"]},
    "NOTICE": {"notice": "310101-2026-T00007", "document": "0" * 64, "result": "rejected", "code": "NOTICE_EXPIRED"},
    "SHOWN": {"notice": "310101-2026-T00007", "what": "acknowledged"},
    "LEASE": {"lease": 7, "full_until_ms": NOW_MS, "core_from_ms": NOW_MS, "stop_at_ms": NOW_MS, "extension": 0},
    "TIME": {"from_ms": None, "to_ms": NOW_MS},
    "CLOCK": {"from_ms": NOW_MS, "to_ms": NOW_MS + 3_600_000},
    "CATALOG": {"epoch": 12, "result": "accepted", "code": ""},
    "POLICY": {"epoch": 3, "result": "rejected", "code": "POLICY_ROLLBACK"},
    "UPDATE": {"rollout": "r-7", "version": "1.4.1", "slot": "b", "state": "rolled-back", "code": "UPDATE_UNHEALTHY"},
    "SEAL": {"open": True, "opening": 57, "at_boot": False},
    "REOPEN": {"orders": ["310101-2026-000123"]},
    "CLAIM": {"venue": VENUE, "region": REGION},
    "FAULT": {"code": "SERIAL_DOWN", "begun": True},
}


def entry(seq: int, kind: str = "PLAY_START", body: dict[str, Any] | None = None) -> Entry:
    return Entry(
        box=BOX,
        epoch=1,
        seq=seq,
        kind=kind,
        at_ms=NOW_MS + seq * 1000,
        tq="signed",
        rtc_ms=NOW_MS + seq * 1000 + 17,
        mono_ms=60_000 + seq * 1000,
        boot=4,
        body=body or {"room": "K01", "song": "SONG-000482", "kind": "guest", "catalog_epoch": 12},
    )


def entries(count: int) -> list[bytes]:
    return [entry(seq).encode() for seq in range(count)]


def chain_over(texts: list[bytes], box: str = BOX, epoch: int = 1) -> list[bytes]:
    """The chain value at each entry."""
    chain = first_chain(box, epoch)
    found = []
    for seq, text in enumerate(texts):
        chain = next_chain(chain, seq, text)
        found.append(chain)
    return found


def checkpoint(texts: list[bytes]) -> Checkpoint:
    head = chain_over(texts)[-1].hex()
    return Checkpoint(box=BOX, epoch=1, size=len(texts), head=head, at_ms=NOW_MS, boot=4, counter=9, ended=False)


def batch(texts: list[bytes]) -> Batch:
    return Batch(BOX, 1, 0, tuple(texts), seal("checkpoint", checkpoint(texts).encode(), [BOX_KEY]))


def ack() -> Ack:
    return Ack(box=BOX, epoch=1, result="ack", size=64, head="0" * 64, code="", at_ms=NOW_MS)


def receipt(**changes: Any) -> Receipt:
    return Receipt(
        box=BOX,
        venue=VENUE,
        subject="order",
        id="310101-2026-000123",
        document="0" * 64,
        result="accepted",
        code="",
        holds=("310101-2026-000123",),
        grace=("310101-2026-000123",),
        at_ms=NOW_MS,
        epoch=1,
        seq=6,
    ).replace(**changes)


def report(**changes: Any) -> Report:
    return Report(
        box=BOX,
        venue=VENUE,
        at_ms=NOW_MS,
        tq="signed",
        boot=4,
        version="1.4.0",
        slot="a",
        state="locked",
        holds=("310101-2026-000123",),
        grace=(),
        catalog_epoch=12,
        policy_epoch=3,
        lease=7,
        ladder=Ladder(standing="full", full_until_ms=NOW_MS, core_from_ms=NOW_MS, stop_at_ms=NOW_MS),
        nonce=NONCE,
        journal=JournalState(epoch=1, size=64, head="0" * 64, watermark=60),
        notices=("310101-2026-T00007",),
        update=UpdateState(rollout="r-7", version="1.4.1", state="downloading", code=""),
        seal="was-opened",
        opening=57,
        rooms_busy=3,
        refused={"VENUE_LOCKED": 2},
        faults=("SERIAL_DOWN",),
    ).replace(**changes)


def content_file(path: str) -> ContentFile:
    return ContentFile(path=path, length=4096, sha256="0" * 64)


def catalog_manifest(bans: ContentFile | None = None) -> CatalogManifest:
    base, overlay = table_file("catalog/9.bin"), table_file("catalog/12.bin")
    tables = (base.replace(epoch=9), overlay.replace(entries=5_000))
    return CatalogManifest(epoch=12, issued_at_ms=NOW_MS, entries=1_000_000, tables=tables, bans=bans)


def listed_ban(**changes: Any) -> ListedBan:
    """A ban of a whole province, of one song by its version."""
    return ListedBan(
        order="440000-2026-000007",
        authority="440000",
        ends_at_ms=None,
        scope=Scope(venues=(), region="440000"),
        lifted=(),
        targets=(Target(by="version", id="000482"),),
    ).replace(**changes)


def ban_list() -> BanList:
    lifted = (Scope(venues=(VENUE,), region=""),)
    return BanList(bans=(listed_ban(), listed_ban(order="440000-2026-000009", lifted=lifted, ends_at_ms=NOW_MS)))


def table_file(path: str) -> TableFile:
    return TableFile(epoch=12, entries=1_000_000, path=path, length=4096, sha256="0" * 64, pages="1" * 64)


def bundle_manifest() -> BundleManifest:
    return BundleManifest(
        version="1.4.1",
        compatible="frontbox-emulated",
        security_epoch=2,
        image=content_file("firmware/1.4.1/image"),
        text_zh="修复断电恢复",
        text_en="Fixes recovery after a power cut",
    )


def rollout_leg() -> RolloutLeg:
    return RolloutLeg(box=BOX, rollout="r-7", version="1.4.1", issued_at_ms=NOW_MS)


def voucher() -> Voucher:
    return Voucher(
        voucher="V-0001", box=BOX, venue=VENUE, secret="ffeeddccbbaa99887766554433221100", not_after_ms=NOW_MS
    )


def claim() -> Claim:
    return Claim(box=BOX, venue=VENUE, voucher="V-0001", proof="0" * 64, nonce=NONCE, csr="Y3Ny", idevid="Y2VydA==")


def renewal() -> Renewal:
    return Renewal(box=BOX, nonce=NONCE, csr="Y3Ny", certificate="Y2VydA==")
