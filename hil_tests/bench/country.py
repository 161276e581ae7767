"""The made-up country of demo, tour and scenarios: three venues in two provinces, and who is in office.

Regions are those of GB/T 2260; venues, people and box numbers are invented.
"""

from dataclasses import dataclass

from hil_tests.bench.venue import Place

TIANHE = Place(
    "KTV-GD000001", "440106", "天河星光量贩 KTV", "天河路 18 号", "91440106MA5XDEM058", "粤文市娱〔2024〕0106 号"
)
NANSHAN = Place(
    "KTV-GD000002", "440305", "南山海岸歌城", "后海大道 66 号", "91440305MA5XDEM13Y", "粤文市娱〔2024〕0305 号"
)
HUANGPU = Place(
    "KTV-SH000001", "310101", "黄浦老码头 KTV", "外马路 579 号", "91310101MA1XDEM243", "沪文市娱〔2024〕0101 号"
)
PLACES = (TIANHE, NANSHAN, HUANGPU)
SPARE_BOX = Place("KTV-GD000009", "440106", "备机", "", "", "")

EVERY_KIND = ("stop", "resume", "ban", "lift", "service", "notice")


@dataclass(frozen=True)
class Officer:
    """A person who signs; also an account of the fleet server."""

    person: str
    name: str
    region: str
    role: str = "officer"
    may: tuple[str, ...] = EVERY_KIND


# Two of each authority: no order is valid with one.
OFFICERS = (
    Officer("gao.ming", "高明", "000000"),
    Officer("lin.yun", "林芸", "000000"),
    Officer("chen.jing", "陈静", "440000"),
    Officer("wang.lei", "王磊", "440000"),
    Officer("he.ping", "何平", "440106"),
    Officer("liu.fang", "刘芳", "440106"),
    Officer("zhao.min", "赵敏", "310000"),
    Officer("sun.hao", "孙浩", "310000"),
)
OPERATOR = Officer("ops", "运维值班", "000000", role="operator", may=())
ACCOUNTS = (*OFFICERS, OPERATOR)

BY_REGION = {
    region: tuple(officer for officer in OFFICERS if officer.region == region)
    for region in sorted({officer.region for officer in OFFICERS})
}

# Those who act in tour and scenarios: the ministry, the county of the first venue, and the operator.
ACTING = (*BY_REGION["000000"], *BY_REGION[TIANHE.region], OPERATOR)


def officers_over(region: str) -> tuple[Officer, Officer]:
    """The two officers of the lowest authority here whose region contains this one."""
    for authority in (region, region[:4] + "00", region[:2] + "0000", "000000"):
        if authority in BY_REGION:
            first, second = BY_REGION[authority]
            return first, second
    raise LookupError(region)


def people_file(cut_song_s: int) -> str:
    """The people file of the key ceremony (TOML)."""
    lines = ["[rules]", f"cut_song_s = {cut_song_s}", ""]
    for officer in OFFICERS:
        may = ", ".join(f'"{kind}"' for kind in officer.may)
        lines += ["[[person]]", f'person = "{officer.person}"', f'name = "{officer.name}"']
        lines += [f'region = "{officer.region}"', f"may = [{may}]", ""]
    return "\n".join(lines)
