"""Catalog, bundles, rollouts and evidence from the command line, against a running server that held its ceremony."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet_server.cli import main
from provisioning import ceremony, clock
from provisioning import cli as provision
from provisioning.people import read_people
from tests.fleet_server.conftest import PASSWORD
from tests.fleet_server.programs import FleetProgram
from tests.fleet_server.repository.published import an_image
from tests.provisioning.fleet_folder import a_people_file

pytestmark = pytest.mark.hil

SONGS = "song,title,artist\n100001,月亮代表我的心,邓丽君\n100002,Yesterday,The Beatles\n"
BAD_ROW = "bad one,Title,Artist\n"
Run = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Running:
    """A server, its data directory, and the ceremony's folder."""

    url: str
    data: Path
    keys: Path


@pytest.fixture(scope="module")
def server(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("content")
    data = shutil.copytree(founded, folder / "fleet")
    (data / "fleet.toml").write_text("console_port = 0\nbox_port = 0\nmqtt_port = 0\n")
    ceremony.hold(folder / "ceremony", data, read_people(a_people_file(folder)), clock.now_ms())
    with FleetProgram(data) as program:
        program.wait_until_serving()
        port = json.loads((data / "ports.json").read_text())["console"]
        yield Running(f"http://localhost:{port}", data, folder / "ceremony")


@pytest.fixture
def run(server: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command as the national operator; returns exit code, standard output, standard error."""
    (tmp_path / "password").write_text(PASSWORD + "\n")

    def command(*words: str | Path) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    def sign_in(account: str) -> None:
        monkeypatch.setenv("FRONTBOX_SESSION", str(tmp_path / f"{account}.session"))
        assert command("sign-in", account, "--server", server.url, "--password-file", tmp_path / "password")[0] == 0

    sign_in("admin")
    command("person", "add", "op", "--name", "Op", "--region", "000000")
    command("person", "grant", "op", "operator", "000000")
    command("account", "add", "op", "--person", "op", "--password-file", tmp_path / "password")
    sign_in("op")
    return command


def songs(folder: Path, text: str) -> Path:
    path = folder / "songs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_catalog_is_imported_signed_and_shown(run: Run, server: Running, tmp_path: Path) -> None:
    code, out, _ = run("catalog", "import", songs(tmp_path, SONGS), "--output", "json")
    assert (code, json.loads(out)["applied"]) == (0, 2)
    keys = [server.keys / f"catalog-{number}.pem" for number in (1, 2)]
    code, out, err = run("catalog", "release", "--key", keys[0], "--output", "json", "--lang", "zh")
    assert (code, json.loads(out)["state"]) == (5, "candidate")
    assert "还须另一名保管人签署" in err
    epoch = str(json.loads(out)["epoch"])
    code, out, _ = run("catalog", "release", "--epoch", epoch, "--key", keys[1], "--output", "json")
    assert (code, json.loads(out)["state"]) == (0, "released")
    code, out, _ = run("catalog", "show", "--output", "json")
    assert json.loads(out)["epoch"] == int(epoch)
    assert "月亮代表我的心" in run("catalog", "show", "月亮")[1]
    assert run("catalog", "show", "no such song")[0] == 3
    assert "op" in run("catalog", "list")[1]


def test_bad_rows_are_said_and_nothing_changes_unless_accepted(run: Run, tmp_path: Path) -> None:
    run("catalog", "import", songs(tmp_path, SONGS))
    file = songs(tmp_path, SONGS + BAD_ROW)
    code, out, err = run("catalog", "import", file, "--lang", "en")
    assert code == 1
    assert "row 4 song CELL_FORM" in err
    assert "Nothing was changed" in err
    code, out, err = run("catalog", "import", file, "--accept-sound", "--lang", "zh", "--output", "json")
    assert (code, json.loads(out)["applied"]) == (6, 2)
    assert "第 4 行 song CELL_FORM" in err


def test_files_and_keys_that_are_not_there(run: Run, tmp_path: Path) -> None:
    assert run("catalog", "import", tmp_path / "none.csv")[0] == 3
    code, _, err = run("catalog", "release", "--key", tmp_path / "none.pem")
    assert code == 2
    assert "KEY_FILE" in err
    assert run("bundle", "upload", tmp_path / "none.tar")[0] == 3


def test_a_bundle_is_uploaded_and_a_rollout_needs_boxes(run: Run, server: Running, tmp_path: Path) -> None:
    image, built, signed = tmp_path / "image", tmp_path / "built.tar", tmp_path / "signed.tar"
    image.write_bytes(an_image("1.1.0"))
    assert provision.main(["bundle", "build", "--version", "1.1.0", "--image", str(image), "--out", str(built)]) == 0
    keys = [word for number in (1, 2) for word in ("--key", str(server.keys / f"firmware-{number}.pem"))]
    assert provision.main(["bundle", "sign", str(built), "--fleet", str(server.data), *keys, "--out", str(signed)]) == 0
    code, _, err = run("bundle", "upload", built)
    assert (code, "BUNDLE_FILE" in err) == (1, True)
    assert run("bundle", "upload", signed)[0] == 0
    assert "1.1.0" in run("bundle", "list")[1]
    code, _, err = run("rollout", "create", "--version", "1.1.0", "--region", "440000")
    assert (code, "ROLLOUT_BOXES" in err) == (1, True)
    code, _, err = run("rollout", "create", "--version", "9.9.9", "--region", "440000")
    assert (code, "VERSION_UNKNOWN" in err) == (3, True)
    assert run("rollout", "list")[0] == 0
    for verb in ("show", "pause", "resume"):
        assert run("rollout", verb, "R-000099")[0] == 3


def test_evidence_of_a_venue_without_a_box(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(
        *("venue", "add", "--region", "310101", "--name", "星光", "--address", "南京东路1号"),
        *("--credit-code", "91110000600037341L", "--licence", "310101160001", "--rooms", "12", "--output", "json"),
    )
    assert code == 0
    venue = json.loads(out)["venue"]
    out_file = tmp_path / "evidence.tar"
    code, _, err = run("evidence", "export", "--venue", venue, "--out", out_file)
    assert (code, "EVIDENCE_NONE" in err) == (3, True)
    assert not out_file.exists()
