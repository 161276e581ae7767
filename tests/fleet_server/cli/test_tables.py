from fleet_server.cli.tables import as_json, as_table


def test_instants_are_times_of_day_in_tables_and_numbers_in_json() -> None:
    row = {"order": "310101-2026-000123", "issued_at_ms": 1_795_000_000_000, "lifted_at_ms": None, "took_ms": 5}
    assert "2026-11-18 19:06:40" not in as_json(row)
    table = as_table([row], None, "en").splitlines()[1].split()
    assert table == ["310101-2026-000123", "2026-11-18", "19:06:40", "-", "5"]
    assert as_table([{"ends_at_ms": 10**17}], None, "en").splitlines()[1] == str(10**17)
