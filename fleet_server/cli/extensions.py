"""Verbs of regional extensions: issue, list, show."""

from pathlib import Path

from fleet_server.cli.outcome import OK
from fleet_server.cli.verbs import Context, Verbs

_EXTENSION = [
    ("extension", "编号", "extension"),
    ("region", "区划", "region"),
    ("issued_at_ms", "签发时间", "issued"),
    ("full_until_ms", "延至", "until"),
    ("issued_by", "签发人", "by"),
    ("reason", "原因", "reason"),
]


def register(verbs: Verbs) -> None:
    issue = verbs.add(
        "extension",
        "issue",
        _issue,
        zh="整片地区断网时延长该地区的租约",
        en="Extend the leases of a region that is cut off",
        examples=["--region 440100 --hours 72 --reason 'backbone fault'"],
    )
    issue.add_argument("--region", required=True)
    issue.add_argument(
        "--hours", type=int, default=72, help=verbs.text("从现在起，最多 168", "from now on, at most 168")
    )
    issue.add_argument("--reason", required=True)
    verbs.add("extension", "list", _list, zh="已签发的延期", en="Extensions, newest first", examples=[""])
    show = verbs.add(
        "extension",
        "show",
        _show,
        zh="取出延期文件，由人带到前置机",
        en="Write the file that a courier hands to boxes",
        examples=["3 --envelope extension-3.json"],
    )
    show.add_argument("extension", type=int)
    show.add_argument(
        "--envelope", type=Path, required=True, help=verbs.text("签名文件写到这里", "where it is written")
    )


def _issue(context: Context) -> int:
    given = context.arguments
    body = {"region": given.region, "for_s": given.hours * 3600, "reason": given.reason}
    context.show(context.client.post("/api/v1/extensions", body), _EXTENSION)
    return OK


def _list(context: Context) -> int:
    context.show(context.client.get("/api/v1/extensions"), _EXTENSION)
    return OK


def _show(context: Context) -> int:
    given = context.arguments
    given.envelope.write_bytes(context.client.send("GET", f"/api/v1/extensions/{given.extension}/envelope").content)
    context.say(f"已写入 {given.envelope}", f"Written to {given.envelope}")
    return OK
