"""init makes a data directory once, completes it when asked again, and says in one line why it cannot."""

import io
from pathlib import Path

import pytest

from fleet_server.cli import main
from tests.fleet_server.conftest import PASSWORD


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n" + PASSWORD + "\n"))
    monkeypatch.setattr("os.umask", lambda mask: mask)  # of this process, which runs other tests too
    return ["init", "--data", str(tmp_path / "fleet"), "--admin", "admin", "--lang", "en"]


def test_again_changes_nothing(init: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([*init, "--host", "fleet.example"]) == 0
    made = capsys.readouterr()
    assert "account admin" in made.out
    assert "frontbox-provision ceremony" in made.err
    keys = {path.name: path.read_bytes() for path in (tmp_path / "fleet" / "keys").iterdir()}
    assert main(init) == 0
    assert "account admin" not in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in (tmp_path / "fleet" / "keys").iterdir()} == keys


def test_a_place_that_is_no_directory_is_the_reason(
    init: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "fleet").write_text("")
    assert main(init) == 1
    assert capsys.readouterr().err.startswith("DATA_UNUSABLE: Data directory: ")


def test_a_damaged_database_is_the_reason(init: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "fleet.db").write_bytes(b"x" * 10_000)
    assert main(init) == 1
    assert "file is not a database" in capsys.readouterr().err


def test_a_weak_password_is_the_reason(
    init: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(init) == 1
    assert capsys.readouterr().err.startswith("PASSWORD_WEAK: ")
