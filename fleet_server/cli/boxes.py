"""Verbs of boxes: add, list, show, voucher, suspend, resume, revoke."""

import base64
import json
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device.crypto.certificates import UNREADABLE
from fleet_server.cli.outcome import FAILED, OK, CommandError
from fleet_server.cli.verbs import Context, Verbs

_COLUMNS = [
    ("box", "前置机", "box"),
    ("status", "登记状态", "status"),
    ("region", "区划", "region"),
    ("venue", "场所编码", "venue"),
    ("is_online", "在线", "is_online"),
    ("state", "运行状态", "state"),
    ("version", "版本", "version"),
]
_STATUS_VERBS = (
    ("suspend", "suspended", "暂停一台前置机的连接", "Keep a box from connecting"),
    ("resume", "active", "恢复被暂停的前置机", "Let a suspended box connect again"),
    ("revoke", "revoked", "永久停用一台前置机", "Revoke a box for good"),
)


def register(verbs: Verbs) -> None:
    add = verbs.add(
        "box",
        "add",
        _add,
        zh="按出厂证书登记前置机",
        en="Register boxes by their factory certificates",
        examples=["--certificate idevid.pem", "--certificate a.pem --certificate b.der --region 440000"],
    )
    certificate = verbs.text("出厂证书，PEM 或 DER，可多次", "factory certificate, PEM or DER; may be repeated")
    add.add_argument("--certificate", required=True, action="append", type=Path, metavar="FILE", help=certificate)
    add.add_argument("--region", default="000000", help=verbs.text("保管地区划", "region that keeps the box"))
    listed = verbs.add(
        "box",
        "list",
        _list,
        zh="前置机列表",
        en="Boxes of your regions",
        examples=["", "--region 440000 --status active"],
    )
    listed.add_argument("--region", default="000000", help=verbs.text("限于此区划", "only in this region"))
    listed.add_argument("--status", choices=("registered", "active", "suspended", "revoked"))
    listed.add_argument("--limit", type=int, default=100)
    listed.add_argument("--after", default="", help=verbs.text("从此编号之后列起", "begin after this id"))
    show = verbs.add("box", "show", _show, zh="一台前置机", en="One box", examples=["KTV-3F91"])
    show.add_argument("box")
    voucher = verbs.add(
        "box",
        "voucher",
        _voucher,
        zh="发给安装人员的凭证（一次有效，72 小时）",
        en="A voucher for the installer: once, within 72 hours",
        examples=["KTV-3F91 J0131010100001Y --out voucher.json"],
    )
    voucher.add_argument("box")
    voucher.add_argument("venue", help=verbs.text("场所编码", "venue code"))
    voucher.add_argument("--out", required=True, type=Path, metavar="FILE", help=verbs.text("新文件", "a new file"))
    for verb, _, zh, en in _STATUS_VERBS:
        change = verbs.add("box", verb, _set_status, zh=zh, en=en, examples=["KTV-3F91 --reason 'letter 17'"])
        change.add_argument("box")
        change.add_argument(
            "--reason", required=True, help=verbs.text("理由，记入审计", "reason, for the audit record")
        )
        change.set_defaults(status={verb: status for verb, status, _, _ in _STATUS_VERBS}[verb])


def _add(context: Context) -> int:
    added = []
    for path in context.arguments.certificate:
        body = {"certificate": base64.b64encode(_certificate(path)).decode(), "region": context.arguments.region}
        added.append(context.client.post("/api/v1/boxes", body))
    context.show(added, _COLUMNS)
    return OK


def _list(context: Context) -> int:
    given = context.arguments
    query = {"region": given.region, "status": given.status, "limit": given.limit, "after": given.after}
    page = context.client.get("/api/v1/boxes", **query)
    context.show(page["boxes"], _COLUMNS)
    shown, count = len(page["boxes"]), page["count"]
    if shown < count:
        context.say(f"共 {count} 台，列出 {shown} 台", f"{shown} of {count}")
    return OK


def _show(context: Context) -> int:
    box = context.client.get(f"/api/v1/boxes/{context.arguments.box}")
    if context.arguments.output == "json":
        context.show(box)
    else:
        report = box.pop("report") or {}
        context.show({**box, **{name: value for name, value in report.items() if name not in box}})
    return OK


def _voucher(context: Context) -> int:
    given = context.arguments
    if given.out.exists():
        raise CommandError(FAILED, "FILE_EXISTS", f"文件 {given.out} 已存在", f"{given.out} exists already")
    voucher = context.client.post("/api/v1/vouchers", {"box": given.box, "venue": given.venue})
    descriptor = os.open(given.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(voucher, file)
    shown = {name: voucher[name] for name in ("voucher", "box", "venue", "not_after_ms")}
    context.show({**shown, "file": str(given.out)})
    return OK


def _set_status(context: Context) -> int:
    given = context.arguments
    body = {"status": given.status, "reason": given.reason}
    context.show(context.client.put(f"/api/v1/boxes/{given.box}/status", body), _COLUMNS)
    return OK


def _certificate(path: Path) -> bytes:
    """The certificate's DER."""
    try:
        raw = path.read_bytes()
        return x509.load_pem_x509_certificate(raw).public_bytes(Encoding.DER) if raw.startswith(b"-----") else raw
    except (OSError, *UNREADABLE) as error:
        raise CommandError(FAILED, "FILE_UNREADABLE", f"读不了 {path}", f"Cannot read {path}: {error}") from error
