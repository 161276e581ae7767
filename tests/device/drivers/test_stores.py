"""State record and settings: whole or not at all, and damage is said."""

import hashlib
import random
from pathlib import Path

import pytest

from device.drivers.folder import Folder
from device.drivers.settings_store import SettingsStore
from device.drivers.state_store import StateStore
from device.ports import DriverError
from tests.builders import BoardSecret
from tests.device.drivers.crash_folder import CrashFolder

BOARD = BoardSecret()


def test_a_record_is_read_back_and_none_is_none(tmp_path: Path) -> None:
    store = StateStore(Folder(tmp_path), BOARD)
    assert store.load() is None
    store.save(b'{"v":1}')
    store.save(b'{"v":2}')
    assert StateStore(Folder(tmp_path), BOARD).load() == b'{"v":2}'


def test_a_cut_leaves_the_old_record_or_the_new_one() -> None:
    disk = CrashFolder()
    store = StateStore(disk, BOARD)
    records = [b"%d" % number * 200 for number in range(8)]
    for number, record in enumerate(records):
        store.save(record)
        disk.acknowledge(number + 1)
    states = 0
    for files, acknowledged in disk.crash_states(random.Random(1)):
        states += 1
        found = StateStore(CrashFolder(files), BOARD).load()
        allowed = records[max(0, acknowledged - 1) : acknowledged + 1]
        assert found in allowed or (found is None and acknowledged == 0)
    assert states > 50


def test_a_damaged_record_is_kept_and_said_once(tmp_path: Path) -> None:
    store = StateStore(Folder(tmp_path), BOARD)
    store.save(b"record")
    file = tmp_path / "state.json"
    file.write_bytes(file.read_bytes().replace(b"record", b"recxrd"))
    with pytest.raises(DriverError, match="STATE_DAMAGED"):
        store.load()
    assert (tmp_path / "state.broken").read_bytes().startswith(b"recxrd")
    assert store.load() is None


def test_a_record_that_its_owner_edited_or_brought_from_another_box_is_damage(tmp_path: Path) -> None:
    """SPEC 6.6: whoever can write the card, but has not the board's secret, can only make it restricted."""
    file = tmp_path / "state.json"
    edited = b'{"holds":[]}'
    for forged in (edited, edited + b"\n" + hashlib.sha256(edited).hexdigest().encode(), b"", b"\n"):
        file.write_bytes(forged)
        with pytest.raises(DriverError, match="STATE_DAMAGED"):
            StateStore(Folder(tmp_path), BOARD).load()
    StateStore(Folder(tmp_path), BoardSecret(b"another board")).save(edited)
    with pytest.raises(DriverError, match="STATE_DAMAGED"):
        StateStore(Folder(tmp_path), BOARD).load()


def test_a_disk_that_cannot_be_written_is_said_and_healed_by_the_next_save() -> None:
    disk = CrashFolder()
    store = StateStore(disk, BOARD)
    store.save(b"before")
    for failing in ("write", "sync", "rename", "sync_names"):
        disk.fail_at = failing
        with pytest.raises(DriverError, match="STATE_UNAVAILABLE"):
            store.save(b"lost")
        disk.fail_at = None
    store.save(b"after")
    assert store.load() == b"after"


def test_settings_survive_any_cut() -> None:
    disk = CrashFolder()
    store = SettingsStore(disk)
    for number in range(6):
        store.put("label-code", str(number))
        disk.acknowledge(number + 1)
    for files, acknowledged in disk.crash_states(random.Random(2)):
        survivor = SettingsStore(CrashFolder(files))
        found = survivor.get("label-code")
        assert found in [str(acknowledged - 1), str(acknowledged)] or (found is None and acknowledged == 0)
        assert survivor.damage == ""


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b"\xff", b'{"values": {"1": {"name"', b"[" * 5_000])
def test_a_broken_settings_file_is_set_aside_for_the_one_before(tmp_path: Path, broken: bytes) -> None:
    store = SettingsStore(Folder(tmp_path))
    store.put("paired:vod", "hash")
    store.put("label-code", "x")
    (tmp_path / "settings.json").write_bytes(broken)
    again = SettingsStore(Folder(tmp_path))
    assert again.named("paired:") == {"vod": "hash"}
    assert again.damage == "settings.json"
    assert (tmp_path / "settings.json.broken").read_bytes() == broken


def test_names_with_a_prefix_and_replacing(tmp_path: Path) -> None:
    store = SettingsStore(Folder(tmp_path))
    for name, value in (("paired:a", "1"), ("paired:b", "2"), ("paired:a", "3"), ("other", "4")):
        store.put(name, value)
    assert store.named("paired:") == {"a": "3", "b": "2"}
    assert store.get("missing") is None
