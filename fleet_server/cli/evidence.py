"""Verb of evidence: export."""

import io
import json
import os
import tarfile
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
    gaps = _gaps(raw)
    for first, last in gaps:
        context.say(
            f"其中第 {first} 至 {last} 条前置机已无法读取，由其签名声明。",
            f"Entries {first} to {last} are missing: the box has signed that it cannot read them.",
        )
    missing = sum(last - first + 1 for first, last in gaps)
    context.show({"evidence": str(given.out), "bytes": len(raw), "missing": missing})
    return OK


def _gaps(raw: bytes) -> list[tuple[int, int]]:
    """First and last entry of what is missing (SPEC 16.1)."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        member = archive.extractfile("info.json")
        assert member is not None, "the server packs only files"
        gaps = json.load(member)["gaps"]
    return [(gap["missing"], gap["seq"] - 1) for gap in gaps if gap["missing"] < gap["seq"]]


def _write(path: Path, raw: bytes) -> None:
    """A file that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
