"""Settings are read strictly: what is not right is named with its file and field."""

import dataclasses
from pathlib import Path

import pytest

from fleet_server.settings import Settings, SettingsError, load_settings


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings(data=tmp_path)


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('console_port = 0\nconsole_hosts = ["console.example"]\r\n')
    settings = load_settings(tmp_path)
    assert (settings.console_port, settings.console_hosts) == (0, ("console.example",))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"consol_port = 1\n", "consol_port: no such setting; console_port?"),
        (b"console_port = 99999\n", "console_port: must be 0 to 65535, is 99999"),
        (b'console_port = "8080"\n', "console_port: must be int, is str"),
        (b"console_port = true\n", "console_port: must be int, is bool"),
        (b"console_hosts = [1]\n", "console_hosts: must be a list of strings"),
        (b'log_level = "loud"\n', "log_level: must be one of"),
        (b'data = "/elsewhere"\n', "data: no such setting"),
        (b"console_port = \n", "not sound TOML"),
        (b"console_port = 1\nconsole_port = 2\n", "not sound TOML"),
        (b"\xef\xbb\xbfconsole_port = 1\n", "not sound TOML"),
        (b"console_port = 1\n\x00", "not sound TOML"),
        (b"\xff\xfe", "not sound TOML"),
        (b"a=" + b"[" * 9_000, "too many brackets"),
        (b"a=-" + b"9" * 9_000, "a number is too long"),
        (b"console_port: 1\n", "not sound TOML"),
    ],
)
def test_what_is_not_right_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "fleet.toml").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'fleet.toml'}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path, tmp_path / "none.toml")


def test_settings_stay_few() -> None:
    assert len(dataclasses.fields(Settings)) <= 25
