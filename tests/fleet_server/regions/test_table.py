"""The region table: dated, complete, and with the special cases."""

import pytest

from device.protocol.regions import is_region, level
from fleet_server.regions import load

REGIONS = load()


def test_every_code_has_the_form_and_a_name() -> None:
    assert all(is_region(region.code) and region.name for region in REGIONS)
    now = [region for region in REGIONS if region.is_valid("2026-11")]
    assert sum(level(region.code) == 2 for region in now) == 34
    assert sum(level(region.code) == 4 for region in now) > 2_800


def test_the_path_leads_from_the_country_to_the_county() -> None:
    assert [region.name for region in REGIONS.path("440106")] == ["全国", "广东省", "广州市", "天河区"]
    assert [region.name for region in REGIONS.path("310101")] == ["全国", "上海市", "黄浦区"]


@pytest.mark.parametrize(
    ("code", "month", "issues"),
    [
        ("440106", "2026-11", True),
        ("441900", "2026-11", True),  # 东莞: a city without counties
        ("419001", "2026-11", True),  # 济源: a county directly below its province
        ("440100", "2026-11", False),
        ("500105", "2026-11", False),  # 江北区, merged into 两江新区
        ("500105", "2019-05", True),
        ("500157", "2026-11", True),
    ],
)
def test_venue_codes_are_issued_where_a_county_is_in_use(code: str, month: str, issues: bool) -> None:
    assert REGIONS.issues_venue_codes(code, month) is issues


def test_children_are_the_next_level_below() -> None:
    assert len(REGIONS.children("000000")) == 34
    assert {region.code for region in REGIONS.children("310000")} >= {"310101", "310151"}
    assert "济源市" in [region.name for region in REGIONS.children("410000")]
