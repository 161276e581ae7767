"""Verb of evidence: export."""

import os
from pathlib import Path

from fleet_server.cli.outcome import OK
from fleet_server.cli.verbs import Context, Verbs


def register(verbs: Verbs) -> None:
    export = verbs.add(
        "evidence",
        "export",
        _export,
        zh="导出一家场所的证据文件，用 frontbox-verify 核验",
        en="Export a venue's evidence file, to be checked with frontbox-verify",
        examples=[
            "--venue J0131010100001Y --out evidence.tar",
            "--venue J0131010100001Y --day 2026-11-20 --out evidence.tar",
        ],
    )
    export.add_argument("--venue", required=True, help=verbs.text("场所编码", "venue code"))
    export.add_argument("--epoch", type=int, help=verbs.text("日志纪元，默认最新", "the newest by default"))
    export.add_argument("--from", type=int, dest="first", metavar="SEQ", help=verbs.text("起始序号", "first entry"))
    export.add_argument("--to", type=int, dest="last", metavar="SEQ", help=verbs.text("截止序号", "last entry"))
    export.add_argument("--day", metavar="YYYY-MM-DD", help=verbs.text("某一营业日", "one business day"))
    export.add_argument("--out", type=Path, required=True, help=verbs.text("证据文件", "file to write"))


def _export(context: Context) -> int:
    given = context.arguments
    asked = {"venue": given.venue, "epoch": given.epoch, "from": given.first, "to": given.last, "day": given.day}
    query = {name: value for name, value in asked.items() if value is not None}
    raw = context.client.send("GET", "/api/v1/evidence", params=query).content
    _write(given.out, raw)
    context.say(f"证据已写入 {given.out}。", f"The evidence is in {given.out}.")
    context.show({"evidence": str(given.out), "bytes": len(raw)})
    return OK


def _write(path: Path, raw: bytes) -> None:
    """A file that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
