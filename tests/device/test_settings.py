"""The settings file: what is refused, and that the message leads to the line."""

import tomllib
from itertools import product
from pathlib import Path

import pytest

from device import settings
from device.settings import SettingsError, keep_last_good, read_last_good, read_settings

SOUND = 'data_dir = "/data"\nboard = "emulated"\nboard_dir = "/board"\n[lan]\nport = 0\nhosts = ["box.lan"]\n'


def written(path: Path, text: str | bytes) -> Path:
    file = path / "box.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(0o640)
    return file


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, SOUND))
    assert (settings.data_dir, settings.lan.port, settings.lan.hosts) == ("/data", 0, ("box.lan",))
    assert settings.serial.path == ""


@pytest.mark.parametrize("change", ["\ufeff" + SOUND, SOUND.replace("\n", "\r\n")])
def test_a_byte_order_mark_and_carriage_returns_do_no_harm(tmp_path: Path, change: str) -> None:
    assert read_settings(written(tmp_path, change)).board == "emulated"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("port = 0", "prt = 0", "box.toml:5: lan.prt: unknown key; is port meant?"),
        ("[lan]", "[lann]", "box.toml:4: lann: unknown key; is lan meant?"),
        ("port = 0", 'port = "0"', "box.toml:5: lan.port: must be a whole number"),
        ("port = 0", "port = true", "must be a whole number"),
        ("port = 0", "port = 65536", "box.toml:5: lan.port: must be from 0"),
        ('"/data"', '"data"', "box.toml:1: data_dir: must be an absolute path"),
        ('data_dir = "/data"\n', "", "data_dir: is missing"),
        ('"emulated"', '"pi"', "box.toml:2: board: must be one of"),
        ("[lan]", "lan = 3\n[serial]", "lan: must be a table"),
        ('["box.lan"]', "[1]", "must be a list of texts"),
        ("port = 0", "port = 0\nport = 1", "box.toml"),
        ("port = 0", "port: 0", "line 5"),
        ("[lan]", '[uplink]\nbroker = "fleet:99999"\n[lan]', "box.toml:5: uplink.broker: must be host:port"),
        ("[lan]", '[uplink]\nbroker = ":8883"\n[lan]', "box.toml:5: uplink.broker: must be host:port"),
        ("port = 0", "port = 0 # \0", "box.toml:5: NUL"),
    ],
)
def test_a_slip_is_named_by_file_line_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(written(tmp_path, SOUND.replace(old, new)))
    assert says in str(caught.value)


def test_what_others_could_change_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, SOUND)
    file.chmod(0o646)
    with pytest.raises(SettingsError, match="everybody may write"):
        read_settings(file)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    with pytest.raises(SettingsError, match="not a link"):
        read_settings(link)


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b'data_dir = "/d', b"#" * 70_000, b"a=" + b"[" * 9_000, b"a=-" + b"9" * 9_000]
)
def test_empty_half_written_and_foreign_files_are_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(SettingsError, match=r"box\.toml"):
        read_settings(written(tmp_path, raw))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_settings(tmp_path / "none.toml")


def test_what_the_box_ran_with_is_kept_for_the_day_the_file_is_broken(tmp_path: Path) -> None:
    file = written(tmp_path, SOUND)
    assert read_last_good(file) is None
    keep_last_good(file)
    written(tmp_path, "half-writ")
    kept = read_last_good(file)
    assert kept is not None
    assert kept.lan.hosts == ("box.lan",)


def test_a_file_that_was_made_weaker_is_no_last_good_one(tmp_path: Path) -> None:
    file = written(tmp_path, SOUND)
    keep_last_good(file)
    (tmp_path / "box.toml.last-good").chmod(0o666)
    assert read_last_good(file) is None


_LINES = (
    "",
    "   ",
    "# words",
    'a = "b"',
    'a = "#" # "c"',
    'a = "',
    'a = "\\u0041"',
    "a = 0",
    "a = 007",
    "a = 1_0",
    "a = -1",
    "a = 12#",
    "b = 'c'",
    'b="c"',
    'b.c = "d"',
    "[a]",
    "[t]  # of it",
    "[t.u]",
    "[[t]]",
    'b = "\u00e9"',
    'b = "\t"',
    "b = true",
    "b = [1]",
    "b = 123456789",
    "\r",
)


@pytest.mark.parametrize("first", _LINES)
def test_a_plain_file_is_read_as_tomllib_reads_it_and_every_other_is_left_to_it(first: str) -> None:
    read = 0
    for second, third in product(_LINES, repeat=2):
        text = "\n".join((first, second, third))
        found = settings._plain(text)
        if found is not None:
            read += 1
            assert found == tomllib.loads(text)
    assert read or settings._plain(first) is None
