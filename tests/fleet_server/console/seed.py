"""Made-up venues, boxes and people, entered the way real ones are: through the API and the domains' own functions.

Eight venues of Guangzhou and one of Shanghai in different states; `zhang` is an officer and operator of Guangzhou,
`he` its auditor, `chen` an officer of one county, `wang` of another.
"""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import httpx

from device.protocol.limits import DAY_MS
from device.protocol.uplink import JournalState, Ladder, Report
from fleet_server import boxes
from fleet_server.app import box_app
from fleet_server.fleet import Fleet
from tests.fleet_server.boxes.builders import FactoryBox, a_factory
from tests.fleet_server.console.api_client import PASSWORD, client, ok, signed_in
from tests.fleet_server.console.papers import Papers, mail, standing_box, write_papers
from tests.fleet_server.country import StandingBox
from tests.fleet_server.venues.builders import a_venue

ACCOUNT = "zhang"
AUDITOR = "he"

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
SONGS = (
    ("夜半星河", "林小满"),
    ("南风过境", "周一鸣"),
    ("珠江月", "阿May"),
    ("老友记", "陈家兄弟"),
    ("骑楼下的雨", "何以蓝"),
    ("Summer in Guangzhou", "The Arcades"),
    ("一碗云吞面的时间", "周一鸣"),
    ("灯火阑珊", "林小满"),
)


@dataclass(frozen=True)
class Seed:
    """`venues` by code in the order of VENUES."""

    venues: list[str]
    boxes: dict[str, StandingBox]  # by venue
    papers: Papers

    PAGES: ClassVar = (
        "overview",
        "venues",
        "venues-empty",
        "venue",
        "venue-offline",
        "venue-no-box",
        "orders",
        "order",
        "order-waiting",
        "order-carried",
        "order-ban",
        "notices",
        "notice",
        "plays",
        "plays-none",
        "boxes",
        "box",
        "box-restricted",
        "rollouts",
        "rollout",
        "catalog",
        "about",
        "not-found",
    )

    @property
    def pages(self) -> dict[str, str]:
        """Pages that `zhang` may open, by a short name."""
        box = self.boxes[self.venues[1]]
        paths = (
            "/",
            "/venues",
            "/venues?state=unclaimed",
            f"/venues/{box.venue}",
            f"/venues/{self.venues[4]}",
            f"/venues/{self.venues[6]}",
            "/orders",
            f"/orders/{self.papers.stop}",
            f"/orders/{self.papers.waiting}",
            f"/orders/{self.papers.carried}",
            f"/orders/{self.papers.ban}",
            "/notices",
            f"/notices/{self.papers.notice}",
            f"/plays?venue={box.venue}",
            "/plays?first_day=2020-02-30",
            "/boxes",
            f"/boxes/{box.box}",
            f"/boxes/{self.boxes[self.venues[7]].box}",
            "/rollouts",
            f"/rollouts/{self.papers.rollout}",
            "/catalog",
            "/about",
            "/venues/J0131010100001Y",
        )
        return dict(zip(self.PAGES, paths, strict=True))


def seed(fleet: Fleet) -> Seed:
    return asyncio.run(_seed(fleet))


async def _seed(fleet: Fleet) -> Seed:
    async with signed_in(fleet, "admin") as admin:
        await _enter_people(admin)
    async with signed_in(fleet, "root") as operator:
        await _import_songs(operator)
        made = [await _enter_venue(fleet, operator, number) for number in range(len(VENUES))]
    standing = {box.venue: box for _, box in made if box is not None}
    venues = [venue for venue, _ in made]
    for number, venue in enumerate(venues):
        if venue in standing:
            _report(fleet, standing[venue], number)
    _sing(fleet, [standing[venue] for venue in venues[:4]])
    async with signed_in(fleet, "zhang") as first, signed_in(fleet, "li") as second:
        return Seed(venues, standing, await write_papers(fleet, first, second, venues, standing))


async def _enter_people(admin: httpx.AsyncClient) -> None:
    for person, name, grants in (*PEOPLE, ("root", "总运维", (("operator", "000000"),))):
        await ok(admin.post("/api/v1/persons", json={"person": person, "name": name, "region": grants[0][1]}))
        await ok(admin.post("/api/v1/accounts", json={"account": person, "person": person, "password": PASSWORD}))
        for role, region in grants:
            await ok(admin.put(f"/api/v1/persons/{person}/grants", json={"role": role, "region": region}))


async def _import_songs(operator: httpx.AsyncClient) -> None:
    rows = [f"S{number:06d},{title},{artist},国语" for number, (title, artist) in enumerate(SONGS)]
    raw = "\n".join(["song,title,artist,language", *rows, ""]).encode()
    answer = operator.post(
        "/api/v1/catalog/imports",
        params={"name": "2026年第四季度歌单.csv"},
        content=raw,
        headers={"content-type": "text/csv"},
    )
    await ok(answer)


def _sing(fleet: Fleet, singing: list[StandingBox]) -> None:
    """An hour of songs in several rooms; some are cut short, one still runs."""
    for number, box in enumerate(singing):
        for song in range(len(SONGS)):
            play = box.journal.start(f"A{song % 3 + 1:02d}", f"S{song:06d}")
            is_cut = (song + number) % 5 == 0
            box.journal.end(play, played_s=21 if is_cut else 180 + 11 * song, reason="skip" if is_cut else "end")
        box.journal.start("A08", "S000003")
        mail(fleet, box, "journal", box.journal.batch())


async def _enter_venue(fleet: Fleet, operator: httpx.AsyncClient, number: int) -> tuple[str, StandingBox | None]:
    region, name, address, rooms, state, _ = VENUES[number]
    facts = a_venue(region=region, name=name, address=address, rooms=rooms, licence=f"{region}16000{number}")
    venue = str((await ok(operator.post("/api/v1/venues", json=facts))).json()["venue"])
    if state is None:
        return venue, None
    box = FactoryBox(f"KTV-3F91{number:04d}", a_factory())
    await ok(operator.post("/api/v1/boxes", json=box.registration))
    voucher = (await ok(operator.post("/api/v1/vouchers", json={"box": box.box, "venue": venue}))).json()
    async with client(box_app(fleet), "https://localhost:8443") as line:
        nonce = (await ok(line.post("/enrol/v1/nonce", json={"box": box.box}))).json()["nonce"]
        headers = {"content-type": "application/json"}
        await ok(line.post("/enrol/v1/claims", content=box.claim(voucher, nonce), headers=headers))
    return venue, standing_box(fleet, box.box, venue, region, box.venue_key)


def _report(fleet: Fleet, box: StandingBox, number: int) -> None:
    *_, state, age_s = VENUES[number]
    at_ms = fleet.clock.now_ms() - age_s * 1000
    journal = box.journal
    report = Report(
        box=box.box,
        venue=box.venue,
        at_ms=at_ms,
        tq="signed",
        boot=1,
        version="1.4.2",
        slot="a" if number % 2 else "b",
        state=state or "failed",
        holds=(),
        grace=(),
        catalog_epoch=12,
        policy_epoch=3,
        lease=104 + number,
        ladder=Ladder(
            standing="full",
            full_until_ms=at_ms + 3 * DAY_MS,
            core_from_ms=at_ms + 7 * DAY_MS,
            stop_at_ms=at_ms + 30 * DAY_MS,
        ),
        nonce="",
        journal=JournalState(
            epoch=1, size=journal.size, head=journal.chains[-1].hex(), watermark=max(0, journal.size - number % 3 * 40)
        ),
        notices=(),
        update=None,
        seal="was-opened" if state == "failed" else "intact",
        opening=57 if state == "failed" else 0,
        rooms_busy=3 * number + 2 if state == "in-service" else 0,
        refused={"SONG_UNKNOWN": 17, "SONG_BANNED": 4, "HOURS_CLOSED": 2},
        faults=("BOX_RESTRICTED", "JOURNAL_DAMAGED") if state == "failed" else (),
    )
    with fleet.database.writing() as connection:
        boxes.record_report(connection, report, at_ms)
