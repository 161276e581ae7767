"""Verbs of notices: send, list, show."""

import json
from pathlib import Path

from fleet_server.cli.outcome import OK
from fleet_server.cli.signing import load_key, sealed
from fleet_server.cli.verbs import Context, Verbs

DAY_MS = 24 * 3600 * 1000

_COLUMNS = [
    ("notice", "通知编号", "notice"),
    ("kind", "种类", "kind"),
    ("authority", "机关区划", "authority"),
    ("issued_by", "署名人", "issued_by"),
    ("venues", "场所", "venues"),
    ("delivered", "已送达", "delivered"),
    ("shown", "已显示", "shown"),
    ("acknowledged", "已确认", "acknowledged"),
]
_RECEIPTS = [
    ("venue", "场所编码", "venue"),
    ("box", "前置机", "box"),
    ("result", "回执", "result"),
    ("code", "代码", "code"),
    ("delivered_at_ms", "送达", "delivered_at_ms"),
    ("shown_at_ms", "显示", "shown_at_ms"),
    ("acknowledged_at_ms", "确认", "acknowledged_at_ms"),
]


def register(verbs: Verbs) -> None:
    send = verbs.add(
        "notice",
        "send",
        _send,
        zh="签名并发出通知、公告或警示",
        en="Sign and send a notice, announcement or warning",
        examples=["warning --authority 310101 --venue J0131010100001Y --text-zh 请核对灭火器。 --key zhang.pem"],
    )
    send.add_argument("kind", choices=("notice", "announcement", "warning"))
    send.add_argument("--authority", required=True, help=verbs.text("机关区划代码", "region of the authority"))
    send.add_argument("--venue", metavar="CODE", nargs="+", default=[])
    send.add_argument("--region", help=verbs.text("整个地区", "a whole region"))
    send.add_argument("--text-zh", required=True)
    send.add_argument("--text-en", default="")
    send.add_argument("--days", type=int, default=7, help=verbs.text("显示天数", "days to be shown"))
    send.add_argument("--key", metavar="FILE", type=Path, required=True, help=verbs.text("本人密钥", "your own key"))
    listed = verbs.add("notice", "list", _list, zh="通知列表", en="Notices of your regions", examples=[""])
    listed.add_argument("--limit", type=int, default=100)
    show = verbs.add(
        "notice",
        "show",
        _show,
        zh="一条通知的送达、显示与确认",
        en="One notice: where it was delivered, shown, acknowledged",
        examples=["310101-2026-T00007"],
    )
    show.add_argument("notice")


def _send(context: Context) -> int:
    given = context.arguments
    key = load_key(given.key)
    body = {name: getattr(given, name) for name in ("kind", "authority", "text_zh", "text_en")}
    body |= {"venues": given.venue, "show_until_ms": context.server_ms() + given.days * DAY_MS}
    if given.region:
        body["region"] = given.region
    drafted = context.client.post("/api/v1/notices/drafts", body)
    context.client.post("/api/v1/notices", json.loads(sealed("notice", drafted["payload"], key)))
    impact = drafted["impact"]
    context.show({"notice": drafted["notice"], "venues": impact["venues"], "boxes": impact["boxes"]})
    return OK


def _list(context: Context) -> int:
    context.show(context.client.get("/api/v1/notices", limit=context.arguments.limit)["notices"], _COLUMNS)
    return OK


def _show(context: Context) -> int:
    notice = context.client.get(f"/api/v1/notices/{context.arguments.notice}")
    if context.arguments.output == "json":
        context.show(notice)
        return OK
    context.show({**{name: notice[name] for name, _, _ in _COLUMNS}, "text_zh": notice["fields"]["text_zh"]})
    context.show(notice["receipts"], _RECEIPTS)
    return OK
