"""`frontbox-verify` and the strangers' verifier say the same of the same evidence, sound or spoiled in any way.

Whoever distrusts the one may use the other, or write a third from SPEC 16.
"""

import io
import json
import random
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.crypto.p256 import SigningKey
from device.protocol.envelope import seal
from device.protocol.journal import Checkpoint, first_chain
from device.protocol.uplink import Ack
from device.protocol.venue_code import format_venue_code
from provisioning.verify.archive import MANIFEST, manifest_of, pack
from provisioning.verify.finding import FindingError
from provisioning.verify.verification import verify_bytes
from tests.fleet_server.repository.published import PublishedFleet
from tests.provisioning.evidence_builder import BOX, Evidence, an_entry
from tests.provisioning.fleet_folder import NOW_MS

SCRIPT = Path(__file__).parent / "strangers" / "evidence.mjs"
FLIPS = 150
A_BEGINNING = {"size": 41, "head": "07" * 32, "reason": "lost", "at": 41}
ELSEWHERE = format_venue_code("310101", 2)

Spoil = Callable[[Evidence], None]


def packed(evidence: Evidence) -> bytes:
    """With a manifest that fits, as a forger's would."""
    evidence.files[MANIFEST] = manifest_of(evidence.files)
    return pack(evidence.files)


def ours(raw: bytes, root: bytes) -> str:
    try:
        verdict = verify_bytes(raw, root)
        counts, missing = verdict.counts, verdict.info.missing
        more = [f"{missing} missing"] if missing else []
        more += [f"{counts.counted} counted"]
        more += [f"{len(counts.misstated)} misstated"] if counts.misstated else []
        return ", ".join([f"VALID {counts.entries} entries", *more])
    except FindingError as error:
        return f"BAD {error.entry}"


def strangers(archives: list[bytes], root: bytes, folder: Path) -> list[str]:
    """`VALID n entries, n counted`, or `BAD` with the entry if one is named."""
    if shutil.which("node") is None:
        pytest.skip("node is missing: it runs the strangers' verifier")
    (folder / "root.json").write_bytes(root)
    paths = []
    for number, raw in enumerate(archives):
        paths.append(folder / f"{number}.tar")
        paths[-1].write_bytes(raw)
    command = ["node", str(SCRIPT), str(folder / "root.json"), *map(str, paths)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = answer.stdout.splitlines()
    assert len(lines) == len(archives), answer.stderr
    return [line if line.startswith("VALID") else f"BAD {entry_in(line)}" for line in lines]


def entry_in(line: str) -> str:
    found = line.removeprefix("BAD ").partition(":")[0]
    return found if found.replace("-", "").isdigit() else ""


def with_file(name: str, change: Callable[[bytes], bytes]) -> Spoil:
    def spoil(evidence: Evidence) -> None:
        evidence.files[name] = change(evidence.files[name])

    return spoil


def without(name: str) -> Spoil:
    return lambda evidence: evidence.files.__delitem__(name)


def in_info(**changes: Any) -> Spoil:
    return with_file("info.json", lambda raw: json.dumps(json.loads(raw) | changes).encode())


def renamed(old: str, new: str) -> Spoil:
    return lambda evidence: evidence.files.__setitem__(new, evidence.files.pop(old))


def in_entry(at: int, /, **changes: Any) -> Spoil:
    """The box itself signs it so."""

    def spoil(evidence: Evidence) -> None:
        evidence.lines[at] = canonical(json.loads(evidence.lines[at]) | changes)
        evidence.sign()

    return spoil


def with_text(at: int, change: Callable[[bytes], bytes]) -> Spoil:
    """The text of an entry, signed by the box itself."""

    def spoil(evidence: Evidence) -> None:
        evidence.lines[at] = change(evidence.lines[at])
        evidence.sign()

    return spoil


def canonical(value: Any) -> bytes:
    """SPEC 2.3; not by our writer, which refuses what is unsound."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def with_checkpoint(signed_by_box: bool, **changes: Any) -> Spoil:
    def spoil(evidence: Evidence) -> None:
        plain: Any = {
            "box": BOX,
            "epoch": 1,
            "size": 3,
            "head": "0" * 64,
            "at_ms": None,
            "boot": 1,
            "counter": 1,
            "ended": False,
        } | changes
        key = evidence.key if signed_by_box else SigningKey.generate()
        path = f"checkpoints/{plain['size']}.json"
        evidence.files[path] = seal("checkpoint", Checkpoint(**plain).encode(), [key]).encode()

    return spoil


def with_ack(**changes: Any) -> Spoil:
    def spoil(evidence: Evidence) -> None:
        head = evidence.files["chain.txt"].splitlines()[2].decode()
        plain: Any = {"box": BOX, "epoch": 1, "result": "ack", "size": 3, "head": head, "code": "", "at_ms": NOW_MS}
        raw = Ack(**(plain | changes)).encode()
        evidence.files["acks/3.json"] = seal("ack", raw, [evidence.ack_key]).encode()

    return spoil


NAMES = ("info.json", "policy.json", "box.pem", "entries.jsonl", "chain.txt", "previous.json", "checkpoints/20.json",
         "checkpoints/5.json", "acks/20.json", "metadata/targets.json", "metadata/policy.json",
         "metadata/1.root.json")  # fmt: skip
SPOILS: dict[str, Spoil] = {
    **{f"without {name}": without(name) for name in NAMES},
    **{f"{name} is empty": with_file(name, lambda _: b"") for name in NAMES},
    **{f"{name} with a byte more": with_file(name, lambda raw: raw + b" ") for name in NAMES},
    "a file too many": lambda evidence: evidence.files.__setitem__("readme.txt", b"x"),
    "a folder too many": lambda evidence: evidence.files.__setitem__("more/1.json", b"{}"),
    "entries without the last line break": with_file("entries.jsonl", lambda raw: raw[:-1]),
    "chain.txt without the last line break": with_file("chain.txt", lambda raw: raw[:-1]),
    "an entry changed, and chain.txt without the last line break": lambda evidence: (
        with_file("entries.jsonl", lambda raw: raw.replace(b'"rtc_ms":1795000008', b'"rtc_ms":1795000009'))(evidence),
        with_file("chain.txt", lambda raw: raw[:-1])(evidence),
    )[0],
    "an entry with blanks": with_text(4, lambda line: line.replace(b":", b": ", 1)),
    "an entry in another sequence": with_text(
        4, lambda line: json.dumps(dict(reversed(json.loads(line).items()))).encode()
    ),
    "an entry with an escape": with_text(4, lambda line: line.replace(b"A01", b"\\u004101")),
    "an entry with a carriage return": with_text(4, lambda line: line + b"\r"),
    "previous.json of another head": with_file(
        "previous.json", lambda raw: json.dumps(json.loads(raw) | {"head": "09" * 32}).encode()
    ),
    "chain.txt in capitals": with_file("chain.txt", bytes.upper),
    "the last entry left out": with_file("entries.jsonl", lambda raw: b"".join(raw.splitlines(keepends=True)[:-1])),
    "two entries swapped": with_file(
        "entries.jsonl", lambda raw: b"".join((lines := raw.splitlines(keepends=True))[:4] + lines[5:3:-1] + lines[6:])
    ),
    "of another venue's form": in_info(venue="J0131010100001X"),
    "of another box": in_info(box="KTV-0002"),
    "of a box that cannot be": in_info(box="KTV"),
    "of another epoch": in_info(epoch=2),
    "of epoch 0": in_info(epoch=0),
    "ends before it begins": in_info(to=-1),
    "ends later": in_info(to=20),
    "ends earlier": in_info(to=9),
    "begins later": in_info(**{"from": 1}),
    "of another version": in_info(v=2),
    "more in the description": in_info(more=1),
    "a time with a fraction": in_info(exported_at_ms=1.5),
    "an entry of a kind that is none": in_entry(4, kind="JUMP"),
    "an entry of another box": in_entry(4, box="KTV-0002"),
    "an entry out of sequence": in_entry(4, seq=5),
    "an entry of another epoch": in_entry(4, epoch=2),
    "an entry with more names": in_entry(4, more=1),
    "an entry of another version": in_entry(4, v=2),
    "an epoch that begins within": in_entry(4, kind="EPOCH", body=A_BEGINNING),
    "an epoch that begins the first": in_entry(0, kind="EPOCH", body=A_BEGINNING),
    "a claim of another venue": in_entry(
        4, kind="CLAIM", body={"venue": format_venue_code("310101", 2), "region": "310101"}
    ),
    "a head that the box did not sign": with_checkpoint(signed_by_box=False),
    "another head that the box signed": with_checkpoint(signed_by_box=True),
    "a checkpoint behind the end": with_checkpoint(signed_by_box=True, size=21),
    "a checkpoint before the beginning": with_checkpoint(signed_by_box=True, size=0),
    "a checkpoint of another epoch": with_checkpoint(signed_by_box=True, epoch=2),
    "a checkpoint of another box": with_checkpoint(signed_by_box=True, box="KTV-0002"),
    "a checkpoint under another name": renamed("checkpoints/5.json", "checkpoints/6.json"),
    "an acknowledgement more": with_ack(),
    "an acknowledgement that is none": with_ack(result="nack", code="BATCH_GAP"),
    "an acknowledgement of another head": with_ack(head="0" * 64),
    "an acknowledgement for another box": with_ack(box="KTV-0002"),
    "an acknowledgement under another name": renamed("acks/5.json", "acks/6.json"),
}


def beginning_with(**changes: Any) -> Spoil:
    """The box itself signs it so; `previous.json` stays what the platform says."""

    def spoil(evidence: Evidence) -> None:
        body = json.loads(evidence.lines[0])["body"] | changes
        in_entry(0, body=body)(evidence)

    return spoil


# Of a later epoch (SPEC 9.11).
SPOILS_OF_A_LATER_EPOCH: dict[str, Spoil] = {
    "behind another size": beginning_with(size=40),
    "behind another head": beginning_with(head="08" * 32),
    "behind nothing": beginning_with(size=0, head="00" * 32),
    "previous.json is another": with_file(
        "previous.json", lambda raw: json.dumps(json.loads(raw) | {"head": "09" * 32}).encode()
    ),
    "previous.json is that of the first epoch": with_file(
        "previous.json", lambda raw: json.dumps(json.loads(raw) | {"head": first_chain(BOX, 1).hex()}).encode()
    ),
    "it begins with a play": in_entry(0, kind="PLAY_START", body=json.loads(an_entry(1))["body"]),
    "it begins a second time": in_entry(4, kind="EPOCH", body=A_BEGINNING),
    "of the first epoch": in_info(epoch=1),
}


# What takes no statement away and adds none: white space in JSON, one signature more or less that is not the last.
HARMLESS = {
    "an acknowledgement more",
    "without checkpoints/5.json",
    "without acks/20.json",
    "without metadata/1.root.json",
    "box.pem with a byte more",
    *[
        f"{name} with a byte more"
        for name in NAMES
        if name.endswith(".json") and name not in ("policy.json", "metadata/1.root.json")
    ],
}


# Which entry is to blame, where an entry is, though something unsigned is wrong as well.
PLACES = {
    "an entry changed, and chain.txt without the last line break": "BAD 1-8",
    "an entry with blanks": "BAD 1-4",
    "an entry in another sequence": "BAD 1-4",
    "an entry with an escape": "BAD 1-4",
    "an entry with a carriage return": "BAD 1-4",
    "an epoch that begins the first": "BAD 1-0",
    "a claim of another venue": "BAD 1-4",
    "previous.json of another head": "BAD ",
    "of another version": "BAD ",
}


def tar_of(files: dict[str, bytes], order: Callable[[list[str]], list[str]], **fields: Any) -> bytes:
    """An archive of the same files in another form."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fields.pop("format", tarfile.USTAR_FORMAT)) as archive:
        for name in order(sorted(files)):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            for field, value in fields.items():
                setattr(member, field, value)
            archive.addfile(member, io.BytesIO(files[name]))
    return out.getvalue()


def other_forms(files: dict[str, bytes]) -> list[bytes]:
    sound = pack(files)
    return [
        tar_of(files, lambda names: names[::-1]),
        tar_of(files, lambda names: [*names, names[-1]]),
        tar_of(files, lambda names: names, mtime=1),
        tar_of(files, lambda names: names, mode=0o600),
        tar_of(files, lambda names: names, uid=1000),
        tar_of(files, lambda names: names, uname="root"),
        tar_of(files, lambda names: names, format=tarfile.GNU_FORMAT),
        sound[:-512],
        sound[:-10_240],
        sound + bytes(10_240),
        sound + b"x",
        sound[: len(sound) // 2],
        b"",
        b"no archive" * 100,
    ]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> PublishedFleet:
    return PublishedFleet(tmp_path_factory.mktemp("fleet"))


def test_both_verifiers_agree_about_what_is_changed(fleet: PublishedFleet, tmp_path: Path) -> None:
    archives = {}
    for name, spoil in SPOILS.items():
        evidence = Evidence(fleet)
        spoil(evidence)
        archives[name] = packed(evidence)
    said = dict(zip(archives, strangers(list(archives.values()), fleet.root, tmp_path), strict=True))
    wanted = {name: ours(raw, fleet.root) for name, raw in archives.items()}
    assert said == wanted
    assert {name for name, word in wanted.items() if word.startswith("VALID")} == HARMLESS
    assert {name: wanted[name] for name in PLACES} == PLACES


def test_16_2_both_verifiers_know_how_a_later_epoch_begins(fleet: PublishedFleet, tmp_path: Path) -> None:
    archives = [packed(Evidence(fleet, epoch=2)), packed(Evidence(fleet, 12, first=35, epoch=7))]
    for spoil in SPOILS_OF_A_LATER_EPOCH.values():
        evidence = Evidence(fleet, epoch=2)
        spoil(evidence)
        archives.append(packed(evidence))
    wanted = [ours(raw, fleet.root) for raw in archives]
    assert strangers(archives, fleet.root, tmp_path) == wanted
    assert wanted[:2] == ["VALID 20 entries, 9 counted", "VALID 12 entries, 6 counted"]
    assert [word for word in wanted[2:] if word != "BAD 2-0"] == ["BAD ", "BAD ", "BAD 2-4", "BAD "]


def test_both_verifiers_agree_about_the_archive(fleet: PublishedFleet, tmp_path: Path) -> None:
    evidence = Evidence(fleet)
    sound = packed(evidence)
    archives = [sound, *other_forms(evidence.files)]
    assert strangers(archives, fleet.root, tmp_path) == [ours(raw, fleet.root) for raw in archives]
    assert [ours(raw, fleet.root).split()[0] for raw in archives] == ["VALID"] + ["BAD"] * (len(archives) - 1)


def test_both_verifiers_find_every_changed_byte(fleet: PublishedFleet, tmp_path: Path) -> None:
    sound, chance, archives = packed(Evidence(fleet)), random.Random(16), []
    for _ in range(FLIPS):
        raw = bytearray(sound)
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        archives.append(bytes(raw))
    said = strangers(archives, fleet.root, tmp_path)
    assert not [word for word in said if word.startswith("VALID")]
    assert not [raw for raw in archives if ours(raw, fleet.root).startswith("VALID")]
