"""Verbs of orders: draft, approve, list, show, receipt, withdraw.

The officer's key never leaves this machine: the server's draft is read here, shown as the text that will be signed,
and only the signature goes back.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fleet_server.cli.outcome import FAILED, NEEDS_APPROVAL, OK, USAGE, CommandError, file_bytes
from fleet_server.cli.signing import load_key, sealed, signature_of
from fleet_server.cli.verbs import Context, Verbs

DAY_MS = 24 * 3600 * 1000
KINDS = ("stop", "resume", "ban", "lift", "service")
GRACE_S, URGENT_S = 600, 10

_COLUMNS = [
    ("order", "指令编号", "order"),
    ("state", "状态", "state"),
    ("kind", "种类", "kind"),
    ("authority", "机关区划", "authority"),
    ("drafted_by", "起草人", "drafted_by"),
    ("approved_by", "复核人", "approved_by"),
    ("venues", "场所", "venues"),
    ("delivered", "已送达", "delivered"),
    ("in_force", "生效中", "in_force"),
    ("lifted", "已解除", "lifted"),
]
_RECEIPTS = [
    ("venue", "场所编码", "venue"),
    ("box", "前置机", "box"),
    ("result", "回执", "result"),
    ("code", "代码", "code"),
    ("ordered_at_ms", "下达", "ordered_at_ms"),
    ("delivered_at_ms", "送达", "delivered_at_ms"),
    ("in_force_at_ms", "生效", "in_force_at_ms"),
    ("lifted_at_ms", "解除", "lifted_at_ms"),
]


def register(verbs: Verbs) -> None:
    _register_draft(verbs)
    approve = verbs.add(
        "order",
        "approve",
        _approve,
        zh="作为第二人签名；指令随即下达",
        en="Sign as the second person; the order goes out at once",
        examples=["310101-2026-000123 --key li.pem"],
    )
    approve.add_argument("order")
    _add_signing(verbs, approve)
    listed = verbs.add(
        "order",
        "list",
        _list,
        zh="指令列表",
        en="Orders of your regions",
        examples=["", "--state signed", "--venue J0131010100001Y"],
    )
    listed.add_argument("--state", choices=("draft", "signed", "issued", "withdrawn"))
    listed.add_argument("--kind", choices=KINDS)
    listed.add_argument("--venue", metavar="CODE")
    listed.add_argument("--limit", type=int, default=100)
    show = verbs.add(
        "order",
        "show",
        _show,
        zh="一份指令，及各前置机签名的回执",
        en="One order, and what each box has signed of it",
        examples=["310101-2026-000123", "310101-2026-000123 --envelope order.json"],
    )
    show.add_argument("order")
    show.add_argument(
        "--envelope",
        metavar="FILE",
        type=Path,
        help=verbs.text("另存已签名的指令，可由检查人员送到前置机", "write the signed order, to be carried to a box"),
    )
    receipt = verbs.add(
        "order",
        "receipt",
        _receipt,
        zh="交回前置机当面给出的回执；重复交回无妨",
        en="Hand in the receipt that a box gave to whoever brought the order; again is harmless",
        examples=["310101-2026-000123 receipt.json"],
    )
    receipt.add_argument("order")
    receipt.add_argument("file", metavar="FILE", type=Path, help=verbs.text("前置机的回答", "what the box answered"))
    withdraw = verbs.add(
        "order",
        "withdraw",
        _withdraw,
        zh="起草人撤回草稿",
        en="The drafter gives up a draft",
        examples=["310101-2026-000123"],
    )
    withdraw.add_argument("order")


def _register_draft(verbs: Verbs) -> None:
    draft = verbs.add(
        "order",
        "draft",
        _draft,
        zh="起草指令并签名；须由另一人复核（退出码 5）",
        en="Draft an order and sign it; another person must approve it (exit code 5)",
        examples=[
            (
                "stop --authority 310101 --venue J0131010100001Y --ends-in-days 30 --document 沪文执罚〔2026〕第1号 "
                "--basis 条例第四十八条 --text-zh 责令停业整顿。 --key zhang.pem"
            ),
            (
                "resume --authority 310101 --ends 310101-2026-000123 --document 沪文执〔2026〕第2号 --basis 整改合格 "
                "--text-zh 恢复营业。 --key zhang.pem"
            ),
            (
                "ban --authority 310000 --region 310000 --target version:S000482 --document 沪文〔2026〕第3号 "
                "--basis 条例第十三条 --text-zh 禁播。 --key wang.pem"
            ),
            (
                "ban --authority 310000 --region 310000 --targets-file list.txt --document 沪文〔2026〕第4号 "
                "--basis 条例第十三条 --text-zh 禁播。 --key wang.pem"
            ),
            (
                "service --authority 310101 --venue J0131010100001Y --document 沪文检〔2026〕第5号 --basis 现场核查 "
                "--text-zh 封签核查无异常。 --key zhang.pem"
            ),
        ],
    )
    draft.add_argument("kind", choices=KINDS)
    for name, zh, en in (
        ("authority", "机关区划代码", "region of the authority"),
        ("document", "文书号", "number of the paper document"),
        ("basis", "法律依据", "legal basis"),
        ("text-zh", "对场所显示的文字", "text that the venue is shown"),
    ):
        draft.add_argument(f"--{name}", required=True, help=verbs.text(zh, en))
    draft.add_argument("--text-en", default="")
    _add_scope(verbs, draft)
    _add_effect(verbs, draft)
    _add_signing(verbs, draft)


def _add_scope(verbs: Verbs, draft: argparse.ArgumentParser) -> None:
    draft.add_argument("--venue", metavar="CODE", nargs="+", default=[])
    draft.add_argument(
        "--room",
        metavar="ROOM",
        nargs="+",
        default=[],
        help=verbs.text("只停这些包房", "these rooms only"),
    )
    draft.add_argument("--region", help=verbs.text("整个地区", "a whole region"))


def _add_effect(verbs: Verbs, draft: argparse.ArgumentParser) -> None:
    draft.add_argument(
        "--ends", metavar="ORDER", nargs="+", default=[], help=verbs.text("所解除的指令", "orders it ends")
    )
    draft.add_argument(
        "--target", metavar="BY:ID", nargs="+", default=[], help="work:ID, version:ID, file:SHA256, picture:SHA256"
    )
    draft.add_argument(
        "--targets-file", metavar="FILE", type=Path, help=verbs.text("一行一项 BY:ID", "the same, one in a line")
    )
    draft.add_argument(
        "--opening",
        metavar="N",
        type=int,
        help=verbs.text("开封编号，默认最近一次", "of the seal; else the last"),
    )
    draft.add_argument("--ends-in-days", metavar="N", type=int, help=verbs.text("几天后自动结束", "it ends by itself"))
    draft.add_argument("--expires-in-days", metavar="N", type=int, help=verbs.text("送达期限", "to be accepted within"))
    draft.add_argument(
        "--grace-s",
        metavar="N",
        type=int,
        default=GRACE_S,
        help=verbs.text("正在放的歌最多再放几秒，默认 600", "how long running songs may go on, 600 if left out"),
    )
    draft.add_argument(
        "--urgent",
        action="store_const",
        const=URGENT_S,
        dest="grace_s",
        help=verbs.text("紧急：10 秒后停", "running songs end in 10 s"),
    )


def _add_signing(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", metavar="FILE", type=Path, required=True, help=verbs.text("本人密钥", "your own key"))
    parser.add_argument("--yes", action="store_true", help=verbs.text("不再询问", "do not ask"))


def _draft(context: Context) -> int:
    given = context.arguments
    key = load_key(given.key)
    drafted = context.client.post("/api/v1/orders/drafts", _wish(given, context.server_ms()))
    _confirm(context, drafted["payload"], drafted["order"], drafted["impact"])
    context.client.post("/api/v1/orders", json.loads(sealed("order", drafted["payload"], key)))
    context.show({"order": drafted["order"], "state": "signed", "document": drafted["document"]})
    context.say(
        f"已签名，待另一人复核：frontbox-fleet order approve {drafted['order']} --key ...",
        f"Signed. Another person must approve: frontbox-fleet order approve {drafted['order']} --key ...",
    )
    return NEEDS_APPROVAL


def _approve(context: Context) -> int:
    given = context.arguments
    key = load_key(given.key)
    shown = context.client.get(f"/api/v1/orders/{given.order}")
    _confirm(context, shown["payload"], given.order, None)
    signature = signature_of("order", shown["payload"], key)
    context.show(context.client.post(f"/api/v1/orders/{given.order}/approvals", signature))
    return OK


def _list(context: Context) -> int:
    given = context.arguments
    query = {"state": given.state, "kind": given.kind, "venue": given.venue, "limit": given.limit}
    page = context.client.get("/api/v1/orders", **query)
    context.show(page["orders"], _COLUMNS)
    return OK


def _show(context: Context) -> int:
    given = context.arguments
    if given.envelope:
        raw = context.client.send("GET", f"/api/v1/orders/{given.order}/envelope").content
        given.envelope.write_bytes(raw)
        context.say(f"已写入 {given.envelope}", f"Written to {given.envelope}")
        return OK
    order = context.client.get(f"/api/v1/orders/{given.order}")
    releases = {}
    if order["kind"] == "ban" and order["state"] == "issued":  # SPEC 8.7
        found = context.client.get(f"/api/v1/orders/{given.order}/releases")
        releases = {"releases": found["releases"], "is_carried": found["is_carried"]}
    if given.output == "json":
        context.show(order | releases)
        return OK
    context.show({**{name: order[name] for name, _, _ in _COLUMNS}, **order["fields"], **releases})
    context.show(order["receipts"], _RECEIPTS)
    return OK


def _receipt(context: Context) -> int:
    given = context.arguments
    raw = file_bytes(given.file)
    headers = {"content-type": "application/json"}
    path = f"/api/v1/orders/{given.order}/receipts"
    context.show(context.client.send("POST", path, content=raw, headers=headers).json())
    return OK


def _withdraw(context: Context) -> int:
    context.show(context.client.delete(f"/api/v1/orders/{context.arguments.order}"))
    return OK


def _wish(given: argparse.Namespace, now_ms: int) -> dict[str, Any]:
    wish = {
        name: getattr(given, name)
        for name in ("kind", "authority", "document", "basis", "text_zh", "text_en", "grace_s", "ends")
    }
    wish["venues"] = given.venue
    wish["rooms"] = given.room
    wish["targets"] = [_target(text) for text in (*given.target, *_listed(given.targets_file))]
    wish["opening"] = given.opening
    if given.region:
        wish["region"] = given.region
    for name in ("ends", "expires"):
        days = getattr(given, f"{name}_in_days")
        if days is not None:
            wish[f"{name}_at_ms"] = now_ms + days * DAY_MS
    return wish


def _listed(path: Path | None) -> list[str]:
    """Targets of a file: one in a line; empty lines and what begins with # are left out."""
    if path is None:
        return []
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _target(text: str) -> dict[str, str]:
    by, _, name = text.partition(":")
    return {"by": by, "id": name}


def _confirm(context: Context, payload: str, order: str, impact: dict[str, Any] | None) -> None:
    """Show what will be signed, read from the very text; the number's end must be typed, or --yes given before."""
    text = json.loads(payload)
    if text.get("order") != order:
        raise CommandError(FAILED, "ORDER_MALFORMED", "服务器给出的正文不是这份指令", "The text is not of this order")
    if context.arguments.yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(USAGE, "CONFIRMATION_NEEDED", "没有终端，请加 --yes", "No terminal: give --yes")
    sys.stderr.write(json.dumps(text, ensure_ascii=False, indent=1) + "\n")
    if impact:
        sys.stderr.write(json.dumps(impact, ensure_ascii=False) + "\n")
    end = order[-4:]
    context.say(
        f"以上就是将要签名的正文。输入编号末四位 {end} 确认：", f"This is what you sign. Type {end} to confirm:"
    )
    if sys.stdin.readline().strip() != end:
        raise CommandError(FAILED, "NOT_CONFIRMED", "未确认，没有签名", "Not confirmed; nothing was signed")
