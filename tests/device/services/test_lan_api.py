"""Plays, orders and state through the real server, core and journal."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from tests import builders
from tests.device.drivers.journal_builders import OWNER
from tests.device.services.lan_rig import LABEL, LanRig, lan_rig


async def test_an_allowed_play_is_in_the_journal_before_the_answer(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        status, body = await rig.play("K1", "000482")
        entries = JournalFile(Folder(tmp_path / "journal"), OWNER).recover().since_boot
    assert status == 201
    assert (body["room"], body["song"], body["kind"]) == ("K1", "000482", "guest")
    epoch, seq = body["play"].split("-")
    start = json.loads(entries[int(seq)])
    assert (start["kind"], start["epoch"], start["body"]["song"]) == ("PLAY_START", int(epoch), "000482")


async def test_an_end_counts_and_ending_twice_is_the_same_answer(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        _, play = await rig.play()
        rig.clock.passed_ms += 200_000
        path = f"/v1/plays/{play['play']}/end"
        first = await rig.post(path, {"played_s": 200, "reason": "end"})
        again = await rig.post(path, {"played_s": 3, "reason": "skip"})
        unknown = await rig.post("/v1/plays/1-999999/end", {"played_s": 3, "reason": "skip"})
    assert first == again == (200, {"counted": True})
    assert (unknown[0], unknown[1]["code"]) == (404, "PLAY_UNKNOWN")


async def test_15_1_the_question_is_what_a_play_would_be_told(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        before = (await rig.get("/v1/state"))[1]
        allowed = await rig.get("/v1/songs/000482?room=%E5%8C%85%E6%88%BF1&kind=test")
        unknown = await rig.get("/v1/songs/unheard-of?room=K1")
        after = (await rig.get("/v1/state"))[1]
        bad = [await rig.get(f"/v1/songs/{rest}") for rest in ("1", "1?room=", "1?room=K1&room=K2", "1?room=K1&x=1")]
        named = await rig.get("/v1/songs/000482?room=K1&file=" + "ab" * 32)
    assert allowed == (200, {"song": "000482", "room": "包房1", "allowed": True, "code": ""})
    assert unknown == (200, {"song": "unheard-of", "room": "K1", "allowed": False, "code": "SONG_UNKNOWN"})
    assert before == after
    assert {(status, body["code"]) for status, body in bad} == {(422, "REQUEST_MALFORMED")}
    assert named[1]["code"] == "SONG_FILE"


async def test_a_refusal_has_its_code_and_both_languages(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        status, body = await rig.play(song="nobody-knows")
    assert (status, body["code"]) == (403, "SONG_UNKNOWN")
    assert set(body) == {"code", "message_zh", "message_en", "request_id"}


async def test_an_order_by_any_courier_locks_and_is_answered_with_a_receipt(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        async with rig.http.post(
            "/v1/orders", data=builders.order_envelope("stop"), headers={"Content-Type": "application/json"}
        ) as response:
            receipt = await response.json()
        locked = await rig.play()
        _, state = await rig.get("/v1/state")
    assert response.status == 200
    assert receipt["payloadType"].endswith("receipt.v1+json")
    assert (locked[0], locked[1]["code"]) == (403, "VENUE_LOCKED")
    assert state["state"] == "locked"
    assert state["holds"][0]["document"]


async def test_plays_of_one_moment_share_their_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[str] = []
    sync = Folder.sync

    def counted(folder: Folder, name: str) -> None:
        syncs.append(name)
        sync(folder, name)

    monkeypatch.setattr(Folder, "sync", counted)
    async with lan_rig(tmp_path) as rig:
        before = len(syncs)
        answers = await _many(rig, 40)
    assert {status for status, _ in answers} == {201}
    assert len({body["play"] for _, body in answers}) == 40
    assert len(syncs) - before < 40


async def test_without_token_or_with_another_nothing_is_answered(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig, aiohttp.ClientSession(f"http://127.0.0.1:{rig.address[1]}") as stranger:
        for headers, code in (({}, "TOKEN_MISSING"), ({"Authorization": "Bearer no"}, "TOKEN_UNKNOWN")):
            async with stranger.get("/v1/state", headers=headers) as response:
                assert (response.status, (await response.json())["code"]) == (401, code)


async def test_15_1_an_order_needs_signatures_and_no_token(tmp_path: Path) -> None:
    headers = {"Content-Type": "application/json"}
    async with lan_rig(tmp_path) as rig, aiohttp.ClientSession(f"http://127.0.0.1:{rig.address[1]}") as courier:
        forged = builders.order_envelope("stop", signers=(builders.STRANGER, builders.STRANGER))
        async with courier.post("/v1/orders", data=forged, headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (422, "SIGNER_UNKNOWN")
        async with courier.post("/v1/orders", data=builders.order_envelope("stop"), headers=headers) as response:
            assert response.status == 200
        assert (await rig.get("/v1/state"))[1]["state"] == "locked"


async def test_pairing_needs_the_label_and_gives_up_guessers(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig:
        status, body = await rig.post("/v1/pair", {"label_code": LABEL, "vod": "second"})
        assert status == 201
        assert rig.pairing.vod_of(body["token"]) == "second"
        codes = [(await rig.post("/v1/pair", {"label_code": "guess", "vod": "x"}))[1]["code"] for _ in range(6)]
        assert codes == ["PAIRING_CODE"] * 5 + ["TOO_MANY_REQUESTS"]
        assert (await rig.post("/v1/pair", {"label_code": LABEL, "vod": "x"}))[1]["code"] == "TOO_MANY_REQUESTS"


async def test_a_box_before_its_core_refuses_plays_and_says_nothing_it_does_not_know(tmp_path: Path) -> None:
    rig = LanRig(tmp_path)
    await rig.start()
    try:
        assert (await rig.play())[1]["code"] == "BOX_UNCLAIMED"
        assert (await rig.get("/v1/state"))[1]["state"] == "unclaimed"
        rig.is_enrolled = True
        for answer in (await rig.play(), await rig.get("/v1/state"), await rig.get("/v1/events")):
            assert (answer[0], answer[1]["code"]) in ((503, "JOURNAL_UNAVAILABLE"), (426, "REQUEST_MALFORMED"))
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await rig.http.ws_connect("/v1/events")
        async with rig.http.get("/") as response:
            assert "正在启动" in await response.text()
    finally:
        await rig.close()


async def test_the_first_event_is_the_state_and_a_lock_is_pushed(tmp_path: Path) -> None:
    async with lan_rig(tmp_path) as rig, rig.http.ws_connect("/v1/events") as socket:
        assert (await socket.receive_json(timeout=30))["type"] == "state"
        _, play = await rig.play("K7")
        async with rig.http.post(
            "/v1/orders", data=builders.order_envelope("stop"), headers={"Content-Type": "application/json"}
        ):
            pass
        pushed = [await socket.receive_json(timeout=30) for _ in range(2)]
    assert {event["type"] for event in pushed} == {"cut", "state"}
    cut = next(event for event in pushed if event["type"] == "cut")
    assert (cut["play"], cut["room"], cut["reason"]) == (play["play"], "K7", "lock")


async def _many(rig: LanRig, count: int) -> list[tuple[int, Any]]:
    return list(await asyncio.gather(*(rig.play(f"K{room}") for room in range(count))))
