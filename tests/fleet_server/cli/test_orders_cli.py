"""Officers at the command line, against the whole program."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from device.crypto.p256 import SigningKey, verify
from device.protocol.orders import accept_order
from fleet_server.fleet import Fleet
from tests.device.protocol.builders import LI, ZHANG, FixedKey, policy
from tests.fleet_server.country import Country
from tests.fleet_server.test_serve_messages import ROOT, Program

PAPER = ("--document", "沪文执罚〔2026〕第1号", "--basis", "条例第四十八条", "--text-zh", "责令停业整顿。")


class Officer:
    """One person with a session and a key on the own machine."""

    def __init__(self, folder: Path, name: str, key: FixedKey, server: str) -> None:
        self.key = folder / f"{name}.pem"
        SigningKey(key.private).save(self.key)
        self.session = folder / f"{name}.json"
        self.session.write_text(json.dumps({"server": server, "account": name, "token": f"token of {name}"}))

    def run(self, *arguments: object, status: int = 0) -> Any:
        """One command; what it printed as JSON."""
        command = [sys.executable, "-m", "fleet_server", *map(str, arguments), "--output", "json", "--lang", "en"]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "FRONTBOX_SESSION": str(self.session)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # noqa: PLW1510 - the status is asserted below
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        if status not in (0, 5):
            return {"said": done.stderr}
        found = json.loads(done.stdout) if done.stdout.strip() else {}
        return found if isinstance(found, dict) else {"rows": found}


@pytest.fixture
def country(fleet: Fleet) -> Country:
    made = Country(fleet)
    for name in ("zhang", "li"):
        made.officer(name)
    return made


@pytest.fixture
async def server(data: Path, country: Country) -> AsyncIterator[str]:
    (data / "fleet.toml").write_text("console_port = 0\nbox_port = 0\nmqtt_port = 0\n")
    program = Program(data)
    await program.start()
    await program.serving()
    yield f"http://localhost:{json.loads((data / 'ports.json').read_text())['console']}"
    await program.kill()


async def test_from_draft_to_a_file_for_the_inspector(server: str, country: Country, tmp_path: Path) -> None:
    venue = country.venue()
    zhang = Officer(tmp_path, "zhang", ZHANG, server)
    li = Officer(tmp_path, "li", LI, server)
    draft = ("order", "draft", "stop", "--authority", "310101", "--venue", venue, "--ends-in-days", 30, *PAPER)

    refused = zhang.run(*draft, "--key", zhang.key, status=2)
    assert "--yes" in str(refused["said"])
    assert "KEY_FILE" in str(zhang.run(*draft, "--key", tmp_path / "none.pem", "--yes", status=1)["said"])
    drafted = zhang.run(*draft, "--key", zhang.key, "--yes", status=5)
    number = drafted["order"]

    own = zhang.run("order", "approve", number, "--key", zhang.key, "--yes", status=4)
    assert "ORDER_SAME_PERSON" in str(own["said"])
    assert li.run("order", "approve", number, "--key", li.key, "--yes")["state"] == "issued"
    shown = zhang.run("order", "show", number)
    assert shown["receipts"][0]["venue"] == venue
    assert [row["order"] for row in zhang.run("order", "list", "--state", "issued")["rows"]] == [number]
    zhang.run("order", "show", number, "--envelope", tmp_path / "order.json")
    assert accept_order((tmp_path / "order.json").read_bytes(), policy(), verify).order.order == number
    zhang.run("order", "show", "310101-2026-999999", status=3)

    receipt = tmp_path / "receipt.json"
    assert "FILE_UNREADABLE" in str(zhang.run("order", "receipt", number, receipt, status=3)["said"])
    receipt.write_bytes(country.box("KTV-AAAA0001", venue).obey((tmp_path / "order.json").read_bytes()))
    assert zhang.run("order", "receipt", number, receipt)["result"] == "accepted"
    assert zhang.run("order", "show", number)["in_force"] == 1
    receipt.write_bytes(b"not a receipt")
    assert "REQUEST_MALFORMED" in str(zhang.run("order", "receipt", number, receipt, status=1)["said"])

    sent = zhang.run(
        "notice", "send", "warning", "--authority", "310101", "--venue", venue, "--text-zh", "请核对灭火器。",
        "--key", zhang.key,
    )  # fmt: skip
    assert zhang.run("notice", "show", sent["notice"])["venues"] == 1
    assert zhang.run("plays", "query", "--venue", venue)["rows"] == []
    assert zhang.run("plays", "counts", "--venue", venue)["rows"] == []
    assert zhang.run("incident", "list")["rows"] == []
    zhang.run("plays", "export", "--out", tmp_path / "plays.csv")
    assert (tmp_path / "plays.csv").read_bytes().startswith(b"\xef\xbb\xbfbusiness_day,")
