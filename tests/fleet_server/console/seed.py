"""Made-up venues, boxes and people, entered the way real ones are: through the API and the domains' own functions.

Eight venues of Guangzhou and one of Shanghai in different states; `zhang` is an officer and operator of Guangzhou,
`he` its auditor, `chen` an officer of one county, `wang` of another.
"""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import httpx

from device.crypto.p256 import SigningKey
from device.protocol.uplink import JournalState, Report
from fleet_server import boxes
from fleet_server.app import box_app, console_app
from fleet_server.fleet import Fleet
from tests.fleet_server.boxes.builders import FactoryBox, a_factory
from tests.fleet_server.venues.builders import a_venue

ACCOUNT = "zhang"
AUDITOR = "he"
PASSWORD = "a long enough password"

PEOPLE = (
    ("zhang", "张伟", (("officer", "440100"), ("operator", "440100"))),
    ("li", "李娜", (("officer", "440100"),)),
    ("chen", "陈静", (("officer", "440106"),)),
    ("wang", "王强", (("officer", "310101"),)),
    ("he", "何敏", (("auditor", "440100"),)),
)
# Region, name, address, rooms, state of the box (None: no box), seconds since its last report.
VENUES = (
    ("440106", "金海岸量贩KTV（天河北店）", "天河北路233号3层", 38, "in-service", 12),
    ("440106", "星河欢唱", "体育西路101号", 24, "locked", 8),
    ("440106", "麦霸会所（石牌店）", "石牌西路20号", 18, "in-service", 31),
    ("440104", "好声音KTV", "北京路168号4层", 30, "in-service", 5),
    ("440104", "夜莺音乐会所", "中山五路33号", 16, "in-service", 2700),
    ("440103", "百乐汇", "上下九步行街12号", 22, "expired", 44),
    ("440111", "唱吧迷你K房（白云万达店）", "云城东路501号", 12, None, 0),
    ("440111", "歌友汇", "机场路88号", 20, "failed", 20),
    ("310101", "外滩之声KTV", "南京东路1号", 28, "in-service", 15),
)


@dataclass(frozen=True)
class SeededBox:
    box: str
    venue: str
    region: str
    key: SigningKey


@dataclass(frozen=True)
class Seed:
    """`venues` by code in the order of VENUES."""

    venues: list[str]
    boxes: dict[str, SeededBox]  # by venue

    PAGES: ClassVar = (
        "overview",
        "venues",
        "venues-empty",
        "venue",
        "venue-offline",
        "venue-no-box",
        "boxes",
        "box",
        "about",
        "not-found",
    )

    @property
    def pages(self) -> dict[str, str]:
        """Pages that `zhang` may open, by a short name."""
        box = self.boxes[self.venues[1]]
        return {
            "overview": "/",
            "venues": "/venues",
            "venues-empty": "/venues?state=unclaimed",
            "venue": f"/venues/{box.venue}",
            "venue-offline": f"/venues/{self.venues[4]}",
            "venue-no-box": f"/venues/{self.venues[6]}",
            "boxes": "/boxes",
            "box": f"/boxes/{box.box}",
            "about": "/about",
            "not-found": "/venues/J0131010100001Y",
        }


def seed(fleet: Fleet) -> Seed:
    return asyncio.run(_seed(fleet))


async def _seed(fleet: Fleet) -> Seed:
    async with _signed_in(fleet, "admin") as admin:
        await _enter_people(admin)
    async with _signed_in(fleet, "root") as operator:
        made = [await _enter_venue(fleet, operator, number) for number in range(len(VENUES))]
    return Seed([venue for venue, _ in made], {box.venue: box for _, box in made if box is not None})


async def _enter_people(admin: httpx.AsyncClient) -> None:
    for person, name, grants in (*PEOPLE, ("root", "总运维", (("operator", "000000"),))):
        await _ok(admin.post("/api/v1/persons", json={"person": person, "name": name, "region": grants[0][1]}))
        await _ok(admin.post("/api/v1/accounts", json={"account": person, "person": person, "password": PASSWORD}))
        for role, region in grants:
            await _ok(admin.put(f"/api/v1/persons/{person}/grants", json={"role": role, "region": region}))


async def _enter_venue(fleet: Fleet, operator: httpx.AsyncClient, number: int) -> tuple[str, SeededBox | None]:
    region, name, address, rooms, state, age_s = VENUES[number]
    facts = a_venue(region=region, name=name, address=address, rooms=rooms, licence=f"{region}16000{number}")
    venue = str((await _ok(operator.post("/api/v1/venues", json=facts))).json()["venue"])
    if state is None:
        return venue, None
    box = FactoryBox(f"KTV-3F91{number:04d}", a_factory())
    await _ok(operator.post("/api/v1/boxes", json=box.registration))
    voucher = (await _ok(operator.post("/api/v1/vouchers", json={"box": box.box, "venue": venue}))).json()
    async with _client(box_app(fleet), "https://localhost:8443") as line:
        nonce = (await _ok(line.post("/enrol/v1/nonce", json={"box": box.box}))).json()["nonce"]
        headers = {"content-type": "application/json"}
        await _ok(line.post("/enrol/v1/claims", content=box.claim(voucher, nonce), headers=headers))
    at_ms = fleet.clock.now_ms() - age_s * 1000
    with fleet.database.writing() as connection:
        boxes.record_report(connection, _report(box.box, venue, state, number, at_ms), at_ms)
    return venue, SeededBox(box.box, venue, region, box.venue_key)


def _report(box: str, venue: str, state: str, number: int, at_ms: int) -> Report:
    report = Report(
        box=box,
        venue=venue,
        at_ms=at_ms,
        tq="signed",
        boot=7 + number,
        version="1.4.2",
        slot="a" if number % 2 else "b",
        state=state,
        holds=(),
        catalog_epoch=12,
        policy_epoch=3,
        lease=104 + number,
        nonce="",
        journal=JournalState(epoch=1, size=18_432 + 977 * number, head=f"{number + 5:x}a" * 32, watermark=18_432),
        notices=(),
        update=None,
        seal="open" if state == "failed" else "intact",
        rooms_busy=3 * number + 2 if state == "in-service" else 0,
        refused={"SONG_UNKNOWN": 17, "SONG_BANNED": 4, "HOURS_CLOSED": 2},
    )
    return replace_watermark(report) if number % 3 else report


def replace_watermark(report: Report) -> Report:
    """A box whose journal is here whole."""
    return report.replace(journal=report.journal.replace(watermark=report.journal.size))


async def _ok(answer: "asyncio.Future[httpx.Response] | object") -> httpx.Response:
    response = await answer  # type: ignore[misc]  # httpx declares its calls as coroutines
    assert isinstance(response, httpx.Response)
    assert response.is_success, response.text
    return response


def _signed_in(fleet: Fleet, account: str) -> "_Session":
    return _Session(fleet, account)


class _Session:
    """An API client signed in with the password."""

    def __init__(self, fleet: Fleet, account: str) -> None:
        self._client = _client(console_app(fleet), "http://localhost:8080")
        self._account = account

    async def __aenter__(self) -> httpx.AsyncClient:
        body = {"account": self._account, "password": PASSWORD}
        token = (await _ok(self._client.post("/api/v1/session", json=body))).json()["token"]
        self._client.headers["authorization"] = f"Bearer {token}"
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()


def _client(app: object, url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url)  # type: ignore[arg-type]  # any ASGI
