"""What waited for the disk is written in groups of one time (SPEC 9.13)."""

import json
from pathlib import Path
from typing import Any

import pytest

from device.drivers.journal_file import JournalFile
from device.protocol.limits import GROUP_MS_MAX
from tests.device.drivers.crash_folder import CrashFolder
from tests.device.services.lan_rig import lan_rig
from tests.device.services.test_runtime import entries_on, heal


async def test_9_13_after_an_outage_what_was_made_at_different_times_is_synced_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[int] = []
    append = JournalFile.append

    def noted(journal: JournalFile, frames: Any, counts: Any) -> None:
        stamps = [json.loads(frame.entry)["mono_ms"] for frame in frames]
        spans.append(max(stamps) - min(stamps))
        append(journal, frames, counts)

    disk = CrashFolder()
    async with lan_rig(tmp_path, disk) as rig:
        plays = [(await rig.play(f"K{number}"))[1]["play"] for number in range(4)]
        disk.fail_at = "sync"
        for play in plays:
            rig.clock.passed_ms += GROUP_MS_MAX + 1
            await rig.post(f"/v1/plays/{play}/end", {"played_s": 1, "reason": "end"})
        monkeypatch.setattr(JournalFile, "append", noted)
        await heal(rig, disk)
        await rig.runtime.settled()
    assert len([entry for entry in entries_on(disk) if entry["kind"] == "PLAY_END"]) == len(plays)
    assert len(spans) >= len(plays)
    assert max(spans) <= GROUP_MS_MAX
