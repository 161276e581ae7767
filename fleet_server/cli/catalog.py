"""Verbs of the catalog: import, release, list, show."""

from base64 import b64decode
from pathlib import Path
from typing import Any

from device.crypto.p256 import KeyFileError, SigningKey
from fleet_server.cli.outcome import (
    FAILED,
    NEEDS_APPROVAL,
    NOT_FOUND,
    OK,
    PARTLY_APPLIED,
    USAGE,
    CommandError,
    file_bytes,
)
from fleet_server.cli.verbs import Context, Verbs

_REPORT = [
    ("number", "编号", "number"),
    ("rows", "行数", "rows"),
    ("sound", "合格", "sound"),
    ("bad", "有问题", "bad"),
    ("applied", "已导入", "applied"),
    ("new", "新增", "new"),
    ("changed", "修改", "changed"),
    ("gone", "移除", "gone"),
]
_RELEASE = [
    ("epoch", "版本", "epoch"),
    ("entries", "歌曲数", "entries"),
    ("sha256", "摘要", "sha256"),
    ("prepared_by", "准备人", "prepared_by"),
    ("released_by", "发布人", "released_by"),
]
_CURRENT = [
    ("epoch", "版本", "epoch"),
    ("entries", "歌曲数", "entries"),
    ("listed", "在编歌曲", "listed"),
    ("bans", "含禁播令", "bans"),
]
_SONG = [
    ("song", "编号", "song"),
    ("title", "歌名", "title"),
    ("artist", "歌手", "artist"),
    ("language", "语种", "language"),
    ("duration_s", "时长", "duration_s"),
]
_LONG_S = 600.0  # a million songs on a busy server
_SHOWN_MAX = 20  # findings on a terminal; JSON has them all


def register(verbs: Verbs) -> None:
    given = verbs.add(
        "catalog",
        "import",
        _import,
        zh="导入曲库文件；有问题的行逐行报告，文件不合格则不作任何改动",
        en="Import a song list; every bad row is reported, and nothing changes unless the file is sound",
        examples=["songs.csv", "songs.csv --map song=Id,title=Title,artist=Artist", "songs.csv --accept-sound"],
    )
    given.add_argument("file", type=Path)
    given.add_argument("--map", default="", metavar="OURS=THEIRS,..", help=verbs.text("列对应关系", "columns"))
    given.add_argument("--delimiter", default="", help=verbs.text("分隔符，默认自动识别", "found out by default"))
    given.add_argument(
        "--accept-sound", action="store_true", help=verbs.text("接受合格的行，放弃其余", "take the sound rows")
    )
    release = verbs.add(
        "catalog",
        "release",
        _release,
        zh="签署并发布曲库：须两名保管人的密钥",
        en="Sign and release the catalog: two custodians' keys are needed",
        examples=["--key catalog-1.pem --key catalog-2.pem", "--epoch 7 --key catalog-3.pem"],
    )
    release.add_argument("--key", type=Path, action="append", required=True, help=verbs.text("密钥文件", "key file"))
    release.add_argument("--epoch", type=int, help=verbs.text("补签已准备的版本", "sign what is prepared already"))
    verbs.add("catalog", "list", _list, zh="历次发布", en="Releases, newest first", examples=["", "--output json"])
    show = verbs.add(
        "catalog", "show", _show, zh="现行版本，或查找歌曲", en="The release in force, or songs", examples=["", "月亮"]
    )
    show.add_argument("text", nargs="?", default="", help=verbs.text("编号、歌名或歌手的一部分", "part of id or name"))


def _import(context: Context) -> int:
    given = context.arguments
    raw = file_bytes(given.file)
    query = {"name": given.file.name[-200:], "map": given.map, "delimiter": given.delimiter}
    if given.accept_sound:
        query["accept_sound"] = "true"
    headers = {"content-type": "text/csv"}
    request = {"params": query, "content": raw, "headers": headers, "timeout": _LONG_S}
    answer = context.client.send("POST", "/api/v1/catalog/imports", **request)
    report = answer.json()
    if given.output == "json":
        context.show(report)
    else:
        context.show({name: report[name] for name, _, _ in _REPORT}, _REPORT)
    _say_findings(context, report)
    _say_doubles(context, report)
    if report["applied"] == 0:
        context.say("未作任何改动。", "Nothing was changed.")
        return FAILED
    return PARTLY_APPLIED if report["bad"] else OK


def _say_findings(context: Context, report: dict[str, Any]) -> None:
    for finding in report["findings"][:_SHOWN_MAX]:
        detail = f" ({finding['detail']})" if finding["detail"] else ""
        context.say(
            f"第 {finding['row']} 行 {finding['column']} {finding['code']}：{finding['message_zh']}{detail}",
            f"row {finding['row']} {finding['column']} {finding['code']}: {finding['message_en']}{detail}",
        )
    more = len(report["findings"]) - _SHOWN_MAX
    if more > 0:
        context.say(f"另有 {more} 处，见 --output json。", f"{more} more; see --output json.")


def _say_doubles(context: Context, report: dict[str, Any]) -> None:
    for double in report["doubles"][:_SHOWN_MAX]:
        what = f"{double['title']} / {double['artist']}"
        context.say(
            f"注意：{double['song']} 与 {double['other']} 同名同歌手而文件不同：{what}",
            f"note: {double['song']} and {double['other']} are of one title and artist and not one file: {what}",
        )
    more = len(report["doubles"]) - _SHOWN_MAX
    if more > 0:
        context.say(f"另有 {more} 对，见 --output json。", f"{more} more pairs; see --output json.")


def _release(context: Context) -> int:
    given = context.arguments
    keys = [_key(path) for path in given.key]
    if given.epoch is None:
        candidate = context.client.send("POST", "/api/v1/catalog/releases", json={}, timeout=_LONG_S).json()
    else:
        candidate = context.client.get(f"/api/v1/catalog/releases/{given.epoch}/candidate")
    payload = b64decode(candidate["payload"])
    epoch = candidate["epoch"]
    context.say(f"签署曲库版本 {epoch}。", f"Signing catalog epoch {epoch}.")
    body = {"signatures": [{"keyid": key.key.keyid, "sig": key.sign(payload).hex()} for key in keys]}
    path = f"/api/v1/catalog/releases/{epoch}/signatures"
    signed = context.client.send("POST", path, json=body, timeout=_LONG_S).json()
    context.show({name: signed[name] for name in ("epoch", "state", "signatures", "threshold")})
    if signed["state"] == "released":
        return OK
    context.say("还须另一名保管人签署。", "Another custodian must sign.")
    return NEEDS_APPROVAL


def _key(path: Path) -> SigningKey:
    try:
        return SigningKey.load(path)
    except KeyFileError as error:
        raise CommandError(USAGE, "KEY_FILE", f"密钥文件无法使用：{error}", str(error)) from error


def _list(context: Context) -> int:
    context.show(context.client.get("/api/v1/catalog/releases"), _RELEASE)
    return OK


def _show(context: Context) -> int:
    text = context.arguments.text
    if not text:
        context.show(context.client.get("/api/v1/catalog"), _CURRENT)
        return OK
    found = context.client.get("/api/v1/catalog/songs", text=text)
    context.show(found, _SONG)
    return OK if found else NOT_FOUND
