import asyncio

from fleet_server.live import LOST, WAITING_MAX, Live


async def test_a_listener_hears_its_own_regions_only() -> None:
    live = Live()
    with live.listen(lambda region: region.startswith("44")) as listener:
        await asyncio.to_thread(live.publish, "box", "310101", "KTV-BBBB0002")
        await asyncio.to_thread(live.publish, "box", "440106", "KTV-AAAA0001", state="locked")
        event = await asyncio.wait_for(anext(listener), 30)
    assert (event.topic, event.subject, event.facts) == ("box", "KTV-AAAA0001", {"state": "locked"})


async def test_a_slow_listener_is_told_that_it_lost_something() -> None:
    live = Live()
    with live.listen(lambda _region: True) as listener:
        for number in range(WAITING_MAX + 1):
            live.publish("play", "440106", str(number))
        first = await asyncio.wait_for(anext(listener), 30)
        second = await asyncio.wait_for(anext(listener), 30)
    assert first == LOST
    assert second.subject == str(WAITING_MAX)


async def test_listening_ends_with_the_server() -> None:
    live = Live()
    with live.listen(lambda _region: True) as listener:
        live.publish("box", "440106", "KTV-AAAA0001")
        live.close()
        assert [event.subject async for event in listener] == ["KTV-AAAA0001"]


async def test_who_left_is_forgotten() -> None:
    live = Live()
    with live.listen(lambda _region: True):
        pass
    live.publish("box", "440106", "KTV-AAAA0001")
