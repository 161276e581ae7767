"""Verbs of updates: bundle upload and list, rollout create, list, show, pause, resume."""

from pathlib import Path

from fleet_server.cli.outcome import OK, file_bytes
from fleet_server.cli.verbs import Context, Verbs

_ROLLOUT = [
    ("rollout", "编号", "rollout"),
    ("version", "版本", "version"),
    ("state", "状态", "state"),
    ("counts", "进度", "counts"),
]
_LEG = [
    ("box", "前置机", "box"),
    ("venue", "场所", "venue"),
    ("state", "状态", "state"),
    ("code", "原因", "code"),
]
_BUNDLE = [
    ("version", "版本", "version"),
    ("compatible", "适用型号", "compatible"),
    ("security_epoch", "安全版本", "security_epoch"),
    ("bytes", "字节", "bytes"),
    ("sha256", "摘要", "sha256"),
]


def register(verbs: Verbs) -> None:
    _register_bundles(verbs)
    create = verbs.add(
        "rollout",
        "create",
        _create,
        zh="把一个版本推送到若干前置机或一个地区",
        en="Offer a version to boxes or to a region",
        examples=["--version 1.1.0 --box KTV-0001", "--version 1.1.0 --region 440100 --deadline-h 48"],
    )
    create.add_argument("--version", required=True)
    create.add_argument("--box", action="append", default=[], help=verbs.text("前置机编号，可多次", "may be repeated"))
    create.add_argument("--region", default="", help=verbs.text("该区划内所有在用前置机", "all active boxes there"))
    create.add_argument(
        "--deadline-h", type=int, default=24, help=verbs.text("逾期未答视为失败", "silence by then is a failure")
    )
    verbs.add("rollout", "list", _list, zh="升级列表", en="Rollouts, newest first", examples=[""])
    for verb, run, zh, en in (
        ("show", _show, "一次升级及各前置机进度", "One rollout with its boxes"),
        ("pause", _pause, "暂停推送", "Offer it to no further box"),
        ("resume", _resume, "继续推送", "Go on offering"),
    ):
        parser = verbs.add("rollout", verb, run, zh=zh, en=en, examples=["R-000001"])
        parser.add_argument("rollout")


def _register_bundles(verbs: Verbs) -> None:
    upload = verbs.add(
        "bundle",
        "upload",
        _upload,
        zh="发布已由两人签署的升级包",
        en="Publish a bundle that two custodians signed",
        examples=["frontbox-1.1.0.tar"],
    )
    upload.add_argument("file", type=Path)
    verbs.add("bundle", "list", _bundles, zh="已发布的版本", en="Published versions", examples=[""])


def _upload(context: Context) -> int:
    raw = file_bytes(context.arguments.file)
    headers = {"content-type": "application/octet-stream"}
    context.show(context.client.send("POST", "/api/v1/bundles", content=raw, headers=headers).json())
    return OK


def _bundles(context: Context) -> int:
    context.show(context.client.get("/api/v1/bundles"), _BUNDLE)
    return OK


def _create(context: Context) -> int:
    given = context.arguments
    body = {"version": given.version, "boxes": given.box, "region": given.region, "deadline_s": given.deadline_h * 3600}
    context.show(context.client.post("/api/v1/rollouts", body), _ROLLOUT)
    return OK


def _list(context: Context) -> int:
    context.show(context.client.get("/api/v1/rollouts"), _ROLLOUT)
    return OK


def _show(context: Context) -> int:
    found = context.client.get(f"/api/v1/rollouts/{context.arguments.rollout}")
    if context.arguments.output == "json":
        context.show(found)
    else:
        context.show({name: found[name] for name, _, _ in _ROLLOUT}, _ROLLOUT)
        context.show(found["legs"], _LEG)
    return OK


def _pause(context: Context) -> int:
    context.show(context.client.post(f"/api/v1/rollouts/{context.arguments.rollout}/pause", {}), _ROLLOUT)
    return OK


def _resume(context: Context) -> int:
    context.show(context.client.post(f"/api/v1/rollouts/{context.arguments.rollout}/resume", {}), _ROLLOUT)
    return OK
