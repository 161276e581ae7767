"""Verbs of regions: show."""

from fleet_server.cli.outcome import OK
from fleet_server.cli.verbs import Context, Verbs

_COLUMNS = [
    ("code", "代码", "code"),
    ("name", "名称", "name"),
    ("name_en", "英文", "name_en"),
    ("valid_from", "自", "from"),
    ("valid_to", "至", "to"),
]


def register(verbs: Verbs) -> None:
    show = verbs.add(
        "region",
        "show",
        _show,
        zh="行政区划及其下一级（GB/T 2260）",
        en="A region and the next level below it (GB/T 2260)",
        examples=["000000", "440100 --output json"],
    )
    show.add_argument("code", nargs="?", default="000000")


def _show(context: Context) -> int:
    found = context.client.get(f"/api/v1/regions/{context.arguments.code}")
    if context.arguments.output == "json":
        context.show(found)
    else:
        context.show([*found["path"], *found["children"]], _COLUMNS)
    return OK
