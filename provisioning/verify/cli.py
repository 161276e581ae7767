"""frontbox-verify: checks an evidence file with nothing but that file and the trust root."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from provisioning.verify.finding import SENTENCES, FindingError
from provisioning.verify.journal import Info
from provisioning.verify.verification import Verdict, verify_evidence

VALID, NOT_VALID, NOT_FOUND = 0, 1, 3
EPILOG = """example:
  frontbox-verify evidence.tar --root root.json

exit codes (退出码):
  0  valid (有效)
  1  not valid (无效)
  2  usage (用法有误)
  3  a file is not there (找不到文件)"""
_BEIJING = timezone(timedelta(hours=8))


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one file; returns the exit code."""
    options = parser().parse_args(arguments)
    is_zh = options.lang == "zh"
    for path in (options.evidence, options.root):
        if not path.is_file():
            print(f"找不到文件 {path}" if is_zh else f"no such file: {path}", file=sys.stderr)
            return NOT_FOUND
    try:
        verdict = verify_evidence(options.evidence, options.root.read_bytes())
    except FindingError as finding:
        _print(_of_finding(finding), _say_finding(finding, is_zh), options.output)
        return NOT_VALID
    _print(_of_verdict(verdict), _say_verdict(verdict, is_zh), options.output)
    return VALID


def _of_finding(finding: FindingError) -> dict[str, object]:
    return {
        "valid": False,
        "code": finding.code,
        "entry": finding.entry,
        "epoch": finding.epoch,
        "seq": finding.seq,
        "detail": finding.detail,
    }


def _say_finding(finding: FindingError, is_zh: bool) -> str:
    zh, en = SENTENCES[finding.code]
    if is_zh:
        place = f"第一条有问题的记录：{finding.entry}。" if finding.entry else ""
        return f"证据无效，请勿采信。{place}原因：{zh} [{finding.code}] {finding.detail}"
    place = f"First bad entry: {finding.entry}. " if finding.entry else ""
    return f"NOT VALID. {place}Reason: {en} [{finding.code}] {finding.detail}"


def _of_verdict(verdict: Verdict) -> dict[str, object]:
    info, counts = verdict.info, verdict.counts
    return {
        "valid": True,
        "box": info.box,
        "venue": info.venue,
        "venue_signed": bool(counts.kinds["CLAIM"]),
        "epoch": info.epoch,
        "from": info.first,
        "to": info.last,
        "exported_at_ms": info.exported_at_ms,
        "policy_epoch": verdict.policy_epoch,
        "gaps": [{"missing": missing, "seq": seq} for missing, seq in info.gaps.items()],
        "missing": info.missing,
        "entries": counts.entries,
        "checkpoints": counts.checkpoints,
        "acks": counts.acks,
        "plays": counts.kinds["PLAY_START"],
        "counted": counts.counted,
        "misstated": [f"{info.epoch}-{seq}" for seq in counts.misstated],
        "refused": counts.kinds["REFUSED"],
        "orders": counts.kinds["ORDER"],
    }


def _say_verdict(verdict: Verdict, is_zh: bool) -> str:
    info, counts = verdict.info, verdict.counts
    at = datetime.fromtimestamp(info.exported_at_ms / 1000, UTC).astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M")
    is_signed = bool(counts.kinds["CLAIM"])
    if is_zh:
        word = "" if is_signed else "（场所由平台注明，此段记录中前置机未签署）"
        return (
            f"证据有效：前置机 {info.box}，场所 {info.venue}{word}（导出时间 {at}）。\n"
            f"记录 {info.epoch}-{info.first} 至 {info.epoch}-{info.last}，共 {counts.entries} 条，"
            f"检查点 {counts.checkpoints} 个，平台回执 {counts.acks} 个，全部相符。\n"
            f"点播 {counts.kinds['PLAY_START']} 次，有效 {counts.counted} 次，拒绝 {counts.kinds['REFUSED']} 次，"
            f"指令 {counts.kinds['ORDER']} 条。"
            + _say_misstated(verdict, "\n另有 {count} 条结束记录所注“有效”与规则不符，未按其计数：{first} 等。")
            + "".join(f"\n缺失：记录 {gap} 前置机已无法读取，由其签名声明，其中可能有点播。" for gap in _gaps(info))
        )
    word = "" if is_signed else " (by the platform's word: the box signs it in no entry of these)"
    return (
        f"VALID: box {info.box}, venue {info.venue}{word} (exported {at} UTC+8).\n"
        f"Entries {info.epoch}-{info.first} to {info.epoch}-{info.last}: {counts.entries} entries, "
        f"{counts.checkpoints} checkpoints, {counts.acks} acknowledgements; all of them fit.\n"
        f"{counts.kinds['PLAY_START']} plays, {counts.counted} counted, {counts.kinds['REFUSED']} refused, "
        f"{counts.kinds['ORDER']} orders."
        + _say_misstated(verdict, "\n{count} ends say otherwise of themselves, against SPEC 9.1: {first} is the first.")
        + "".join(
            f"\nMISSING: {gap}. The box has signed that it cannot read them; plays may be among them."
            for gap in _gaps(info)
        )
    )


def _say_misstated(verdict: Verdict, sentence: str) -> str:
    """Plays are counted by the verifier: what the box says of them is named where it differs."""
    found = verdict.counts.misstated
    return sentence.format(count=len(found), first=f"{verdict.info.epoch}-{found[0]}") if found else ""


def _gaps(info: Info) -> list[str]:
    """What is missing, each as `EPOCH-SEQ..EPOCH-SEQ`; where the chain only begins anew nothing is."""
    ranges = [(missing, seq - 1) for missing, seq in info.gaps.items() if missing < seq]
    return [f"{info.epoch}-{first}..{info.epoch}-{last}" for first, last in ranges]


def _print(facts: dict[str, object], sentence: str, output: str) -> None:
    print(json.dumps(facts, ensure_ascii=False, sort_keys=True) if output == "json" else sentence)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="frontbox-verify",
        description="Checks an evidence file with nothing but that file and the trust root. 核验证据文件。",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("evidence", type=Path, help="the tar file of frontbox-fleet evidence export")
    parser.add_argument("--root", type=Path, required=True, help="root.json, its hash compared with the ceremony's")
    named = os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    parser.add_argument("--lang", choices=("zh", "en"), default="zh" if named.startswith("zh") else "en")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    return parser
