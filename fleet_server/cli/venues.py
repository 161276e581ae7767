"""Verbs of venues: add, list, show."""

from fleet_server.cli.outcome import OK
from fleet_server.cli.verbs import Context, Verbs

_COLUMNS = [
    ("venue", "场所编码", "venue"),
    ("region", "区划", "region"),
    ("name", "名称", "name"),
    ("address", "地址", "address"),
    ("rooms", "包房", "rooms"),
]
_DETAILS = [
    *_COLUMNS,
    ("credit_code", "统一社会信用代码", "credit_code"),
    ("licence", "娱乐经营许可证", "licence"),
    ("box", "前置机", "box"),
    ("state", "状态", "state"),
    ("is_online", "在线", "is_online"),
]


def register(verbs: Verbs) -> None:
    add = verbs.add(
        "venue",
        "add",
        _add,
        zh="登记场所并发给编码；同一场所再登记得到同一编码",
        en="Register a venue and give it its code; the same venue again gets the same code",
        examples=[
            (
                "--region 440106 --name 星光KTV --address 天河路1号 --credit-code 91110000600037341L "
                "--licence 440106160001 --rooms 12"
            )
        ],
    )
    for name, zh, en in (
        ("region", "县级区划代码", "county, by its GB/T 2260 code"),
        ("name", "名称", "name"),
        ("address", "地址", "address"),
        ("credit-code", "统一社会信用代码", "unified social credit code"),
        ("licence", "娱乐经营许可证号", "number of the entertainment licence"),
    ):
        add.add_argument(f"--{name}", required=True, help=verbs.text(zh, en))
    add.add_argument("--rooms", required=True, type=int, help=verbs.text("包房数", "number of rooms"))
    listed = verbs.add(
        "venue",
        "list",
        _list,
        zh="场所列表",
        en="Venues of your regions",
        examples=["", "--region 440100 --text 星光", "--output json"],
    )
    listed.add_argument("--region", default="000000", help=verbs.text("限于此区划", "only in this region"))
    listed.add_argument("--text", default="", help=verbs.text("名称、地址、编码或许可证的一部分", "part of a name"))
    listed.add_argument("--limit", type=int, default=100)
    listed.add_argument("--after", default="", help=verbs.text("从此编码之后列起", "begin after this code"))
    show = verbs.add(
        "venue", "show", _show, zh="一个场所及其前置机", en="One venue and its box", examples=["J0131010100001Y"]
    )
    show.add_argument("venue", help=verbs.text("场所编码", "venue code"))


def _add(context: Context) -> int:
    given = context.arguments
    names = ("region", "name", "address", "credit_code", "licence", "rooms")
    body = {name: getattr(given, name) for name in names}
    context.show(context.client.post("/api/v1/venues", body), _DETAILS[: len(_COLUMNS) + 2])
    return OK


def _list(context: Context) -> int:
    given = context.arguments
    query = {"region": given.region, "text": given.text, "limit": given.limit, "after": given.after}
    page = context.client.get("/api/v1/venues", **query)
    context.show(page["venues"], _COLUMNS)
    shown, count = len(page["venues"]), page["count"]
    if shown < count:
        context.say(f"共 {count} 家，列出 {shown} 家", f"{shown} of {count}")
    return OK


def _show(context: Context) -> int:
    client = context.client
    venue = client.get(f"/api/v1/venues/{context.arguments.venue}")
    found = client.get("/api/v1/boxes", venue=venue["venue"])["boxes"]
    box = found[0] if found else {}
    venue.update({name: box.get(name) for name in ("box", "state", "is_online")})
    context.show(venue, _DETAILS)
    return OK
