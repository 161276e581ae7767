"""Verbs of the ledger: plays query, counts, meters, export; incident list; letter list."""

import argparse
import sys
from pathlib import Path

from fleet_server.cli.outcome import OK
from fleet_server.cli.verbs import Context, Verbs

_PAGE = 5000
_GROUPS = ("venue", "day", "room", "song", "kind")

_PLAYS = [
    ("day", "营业日", "day"),
    ("venue", "场所编码", "venue"),
    ("room", "包房", "room"),
    ("song", "歌曲", "song"),
    ("kind", "种类", "kind"),
    ("started_at_ms", "开始", "started_at_ms"),
    ("played_s", "秒", "played_s"),
    ("reason", "结束", "reason"),
    ("counted", "计次", "counted"),
]
_METERS = [
    ("day", "营业日", "day"),
    ("venue", "场所编码", "venue"),
    ("started", "开始", "started"),
    ("ended", "结束", "ended"),
    ("counted", "计次", "counted"),
    ("played_s", "秒", "played_s"),
    ("refused", "拒绝", "refused"),
]
_INCIDENTS = [
    ("id", "编号", "id"),
    ("box", "前置机", "box"),
    ("venue", "场所编码", "venue"),
    ("code", "代码", "code"),
    ("epoch", "纪元", "epoch"),
    ("seq", "序号", "seq"),
    ("count", "次数", "count"),
    ("opened_at_ms", "发现", "opened_at_ms"),
    ("closed_at_ms", "了结", "closed_at_ms"),
    ("detail", "说明", "detail"),
]


_LETTERS = [
    ("last_at_ms", "最近", "last_at_ms"),
    ("box", "前置机", "box"),
    ("kind", "种类", "kind"),
    ("code", "代码", "code"),
    ("count", "次数", "count"),
    ("detail", "说明", "detail"),
]


def register(verbs: Verbs) -> None:
    query = verbs.add(
        "plays",
        "query",
        _query,
        zh="点播记录；加 --by 则为计次汇总",
        en="Plays; with --by the counted plays, summed up",
        examples=[
            "--venue J0131010100001Y --from 2026-11-20 --to 2026-11-21",
            "--venue J0131010100001Y --by room,song",
        ],
    )
    query.add_argument("--by", metavar="A,B", help=",".join(_GROUPS))
    query.add_argument("--limit", type=int, help=verbs.text("最多行数", "rows at most"))
    counts = verbs.add(
        "plays",
        "counts",
        _counts,
        zh="按包房与歌曲的全部次数和计次，供与 VOD 自己的记录核对",
        en="All plays and counted plays by room and song, to hold against the VOD's own log",
        examples=["--venue J0131010100001Y", "--region 310000 --by venue,day"],
    )
    counts.add_argument("--by", metavar="A,B", default="room,song", help=",".join(_GROUPS))
    meters = verbs.add(
        "plays", "meters", _meters, zh="各场所每个营业日的计数", en="Each venue's business days", examples=[""]
    )
    export = verbs.add(
        "plays",
        "export",
        _export,
        zh="导出 CSV 表格（UTF-8）",
        en="Export a table (CSV, UTF-8)",
        examples=["--region 310000 --from 2026-11-01 --to 2026-11-30 --out plays.csv"],
    )
    export.add_argument(
        "--out", metavar="FILE", type=Path, help=verbs.text("缺省为标准输出", "standard output without")
    )
    for parser in (query, counts, meters, export):
        _add_filters(verbs, parser)
    listed = verbs.add(
        "incident",
        "list",
        _incidents,
        zh="日志矛盾与缺口",
        en="Journals that contradict themselves, and gaps",
        examples=["", "--box KTV-AAAA0001"],
    )
    listed.add_argument("--box")
    listed.add_argument("--limit", type=int, default=100)
    letters = verbs.add(
        "letter",
        "list",
        _letters,
        zh="无法受理的前置机报文及原因，最近的在前；限全国权限",
        en="Messages of boxes that could not be taken, and why, the latest first; over the whole country",
        examples=["", "--limit 20 --output json"],
    )
    letters.add_argument("--limit", type=int, default=100)


def _add_filters(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--venue", metavar="CODE")
    parser.add_argument("--region", help=verbs.text("限于此区划", "only in this region"))
    parser.add_argument("--song")
    parser.add_argument("--room")
    parser.add_argument("--kind", choices=("guest", "filler", "advert", "test"))
    parser.add_argument("--from", dest="first_day", metavar="DAY", help=verbs.text("首个营业日", "first business day"))
    parser.add_argument("--to", dest="last_day", metavar="DAY", help=verbs.text("末个营业日", "last business day"))


def _filters(given: argparse.Namespace) -> dict[str, str | None]:
    return {name: getattr(given, name) for name in ("venue", "region", "song", "room", "kind", "first_day", "last_day")}


def _query(context: Context) -> int:
    given = context.arguments
    if given.by:
        rows = context.client.get("/api/v1/plays/counts", by=given.by, counted_only=True, **_filters(given))["counts"]
        names = (*given.by.split(","), "plays", "played_s")
        context.show([{name: row[name] for name in names} for row in rows])
        return OK
    plays: list[dict[str, object]] = []
    after = 0
    while True:
        page = context.client.get("/api/v1/plays", after=after, limit=_PAGE, **_filters(given))["plays"]
        plays += page
        if len(page) < _PAGE or (given.limit and len(plays) >= given.limit):
            break
        after = page[-1]["id"]
    context.show(plays[: given.limit], _PLAYS)
    return OK


def _counts(context: Context) -> int:
    given = context.arguments
    rows = context.client.get("/api/v1/plays/counts", by=given.by, **_filters(given))["counts"]
    names = (*given.by.split(","), "plays", "counted", "played_s")
    context.show([{name: row[name] for name in names} for row in rows])
    return OK


def _meters(context: Context) -> int:
    context.show(context.client.get("/api/v1/plays/meters", **_filters(context.arguments))["meters"], _METERS)
    return OK


def _export(context: Context) -> int:
    given = context.arguments
    query = {name: value for name, value in _filters(given).items() if value is not None}
    raw = context.client.send("GET", "/api/v1/plays.csv", params=query).content
    if given.out:
        given.out.write_bytes(raw)
        context.say(f"已写入 {given.out}", f"Written to {given.out}")
    else:
        sys.stdout.buffer.write(raw)
    return OK


def _letters(context: Context) -> int:
    found = context.client.get("/api/v1/dead-letters", limit=context.arguments.limit)["dead_letters"]
    context.show(found, _LETTERS)
    return OK


def _incidents(context: Context) -> int:
    given = context.arguments
    context.show(context.client.get("/api/v1/incidents", box=given.box, limit=given.limit)["incidents"], _INCIDENTS)
    return OK
