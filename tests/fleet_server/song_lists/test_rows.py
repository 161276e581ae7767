"""Reading song lists as people make them (security.md 5, row CSV)."""

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_server.song_lists import csv_file
from fleet_server.song_lists.check import Check, check_file

SOUND = "song,title,artist\n100001,月亮代表我的心,邓丽君\n100002,Yesterday,The Beatles\n"


def check(text: str, encoding: str = "utf-8", **asked: str) -> Check:
    return check_file(text.encode(encoding), asked)


def faults(found: Check) -> list[tuple[int, str, str]]:
    return [(finding.row, finding.column, finding.code) for finding in found.findings]


def test_a_sound_file() -> None:
    found = check(SOUND)
    assert (found.rows, found.sound, found.bad, found.findings) == (2, 2, 0, [])
    assert found.songs[0].title == "月亮代表我的心"
    assert found.songs[0].work == "100001"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_every_encoding_that_spreadsheets_write(encoding: str) -> None:
    found = check(SOUND, encoding)
    assert (found.bad, found.songs[0].artist) == (0, "邓丽君")


def test_big_endian_utf_16() -> None:
    raw = codecs.BOM_UTF16_BE + SOUND.encode("utf-16-be")
    assert check_file(raw, {}).sound == 2


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end(ends: str) -> None:
    assert check(SOUND.replace("\n", ends)).sound == 2


def test_mixed_line_ends_and_no_last_one() -> None:
    assert check("song,title\r\n1,a\n2,b\r\n3,c").sound == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_is_found(delimiter: str) -> None:
    text = SOUND.replace(",", delimiter) + f'3{delimiter}"a,b;c|d"{delimiter}x\n'
    found = check(text)
    assert (found.sound, found.bad) == (3, 0)


def test_a_mapping_names_the_columns_of_the_file() -> None:
    text = 'Id;Title;Artist;Year;"Date Added"\n6475;"What\'s Up?";"4 Non Blondes";1993;2015-11-05\n'
    found = check(text, song="Id", title="Title", artist="Artist")
    assert found.songs[0][:3] == ("6475", "What's Up?", "4 Non Blondes")


def test_chinese_headers_need_no_mapping() -> None:
    assert check("歌曲编号,歌名,歌手\n1,甲,乙\n").songs[0].artist == "乙"


def test_every_column_is_read() -> None:
    found = check(f"song,title,work,sha256,duration_s,kind\n1,a,w1,{'AB' * 32},215,filler\n2,b,,,,\n")
    assert found.songs[0][4:] == ("w1", "ab" * 32, 215, 1, "", "", 0, 0)
    assert found.songs[1][4:] == ("2", "", 0, 0, "", "", 0, 0)


def test_limits_and_the_core_catalog_are_read() -> None:
    header = "歌曲编号,歌名,类型,核心曲目,画面摘要,地区范围,起始日期,截止日期"
    found = check(f"{header}\n1,甲,filler,是,{'CD' * 32},440300 110000;110000,1970-01-02,2026-11-22\n")
    assert found.findings == []
    assert found.songs[0][7:] == (9, "cd" * 32, "110000,440300", 1, 20_779)


def test_limits_that_cannot_be_are_named() -> None:
    rows = [
        "song,title,core,regions,not_before,not_after",
        "1,a,maybe,11000,2026-02-30,1969-12-31",
        "2,a,no,,2026-11-22,2026-11-21",
        "3,a,,,,2149-06-07",
        f"4,a,,{' '.join(f'{code:06}' for code in range(110100, 110165))},,",
    ]
    assert faults(check("\n".join(rows))) == [
        (2, "not_before", "CELL_FORM"),
        (2, "not_after", "CELL_FORM"),
        (2, "core", "CELL_FORM"),
        (2, "regions", "CELL_FORM"),
        (3, "not_after", "DATES_REVERSED"),
        (4, "not_after", "CELL_FORM"),
        (5, "regions", "CELL_FORM"),
    ]


def test_every_bad_row_is_named_by_number_and_column() -> None:
    rows = ["song,title,duration_s,kind", "1,a,10,guest", ",b,10,", "3,,10,", "4,d,ten,", "5,e,10,karaoke", "6,f"]
    rows += ["1,again,10,", "7 7,g,99999,", "x" * 21 + ",h,1,", "9,\u202etrap,1,", "10,ok,,", "11,k,1,guest,more"]
    found = check("\n".join(rows))
    assert faults(found) == [
        (3, "song", "CELL_MISSING"),
        (4, "title", "CELL_MISSING"),
        (5, "duration_s", "CELL_FORM"),
        (6, "kind", "CELL_FORM"),
        (7, "", "ROW_CELLS"),
        (8, "song", "SONG_TWICE"),
        (9, "song", "CELL_FORM"),
        (9, "duration_s", "CELL_FORM"),
        (10, "song", "CELL_TOO_LONG"),
        (11, "title", "CELL_UNREADABLE"),
        (13, "", "ROW_CELLS"),
    ]
    assert (found.rows, found.sound, found.bad) == (12, 2, 10)
    assert found.is_whole


def test_empty_rows_are_skipped_and_still_counted() -> None:
    assert (
        faults(check("song,title\n\n,\n1,a\n2,\n")) == [(3, "song", "CELL_MISSING"), (5, "title", "CELL_MISSING")][1:]
    )


def test_a_cell_of_many_lines_is_one_row() -> None:
    found = check('song,title\n1,"two\nlines"\n2,\n')
    assert faults(found) == [(2, "title", "CELL_UNREADABLE"), (3, "title", "CELL_MISSING")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "FILE_EMPTY"),
        ("\n\n", "FILE_EMPTY"),
        ("title,artist\na,b\n", "COLUMN_MISSING"),
        ("song,title,title\n1,a,b\n", "COLUMN_TWICE"),
        (",".join(f"c{n}" for n in range(65)) + "\n", "COLUMNS_TOO_MANY"),
        ('song,title\n1,"never closed\n2,b\n', "QUOTES_WRONG"),
        ('song,title\n1,"closed"x\n', "QUOTES_WRONG"),
        ("song,title\n1,a\x00b\n", "FILE_ENCODING"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(text: str, code: str) -> None:
    found = check(text)
    assert not found.is_whole
    assert found.findings[0].code == code


def test_a_file_in_no_encoding_that_we_know() -> None:
    found = check_file(b"song,title\n1,\xff\xfe\xff\n", {})
    assert found.findings[0].code == "FILE_ENCODING"
    assert check_file(b"PK\x03\x04\x00\x00", {}).findings[0].code == "FILE_ENCODING", "a renamed XLSX"


def test_a_truncated_utf_8_file_is_not_taken_for_gb18030() -> None:
    raw = SOUND.encode()
    cut = raw[: raw.index("邓丽君".encode()) + 4]
    assert not check_file(cut, {}).is_whole or check_file(cut, {}).bad == 0


def test_a_mapping_to_a_column_that_is_not_there() -> None:
    assert check(SOUND, song="Id", title="title").findings[0].code == "COLUMN_MISSING"
    assert check(SOUND, song="song", title="title", colour="artist").findings[0].code == "COLUMN_MISSING"


def test_a_huge_cell_is_refused() -> None:
    assert faults(check(f"song,title\n1,{'a' * 5_000}\n")) == [(2, "title", "CELL_TOO_LONG")]
    assert check(f"song,title\n1,{'a' * 200_000}\n").findings[0].code in ("CELL_TOO_LONG", "QUOTES_WRONG")


def test_formulas_are_text() -> None:
    assert check("song,title\n1,=1+cmd\n").songs[0].title == "=1+cmd"


def test_a_file_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "FILE_BYTES_MAX", 10)
    assert check(SOUND).findings[0].code == "FILE_TOO_LARGE"


def test_more_songs_than_a_catalog_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_server.song_lists.rows.CATALOG_ENTRIES_MAX", 1)
    found = check(SOUND)
    assert (found.is_whole, found.findings[0].code, found.findings[0].row) == (False, "ROWS_TOO_MANY", 3)


def test_fifty_thousand_rows_are_read() -> None:
    text = "song,title,artist\n" + "".join(f"{n},Title {n},Artist {n % 99}\n" for n in range(50_000))
    assert check(text).sound == 50_000


def test_findings_are_counted_beyond_what_is_kept() -> None:
    found = check("song,title\n" + "a b,\n" * 1_500)
    assert found.bad == 1_500
    assert len(found.findings) == 1_000


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_fail(raw: bytes) -> None:
    found = check_file(raw, {})
    assert found.is_whole or found.findings


@given(st.lists(st.lists(st.text(max_size=12), min_size=2, max_size=2), max_size=20))
def test_no_cells_make_the_reader_fail(cells: list[list[str]]) -> None:
    """What spreadsheets write is read back, row for row, whatever stands in the cells."""
    out = io.StringIO()
    csv.writer(out).writerows([["song", "title"], *cells])
    found = check_file(out.getvalue().encode("utf-8", "surrogatepass"), {})
    if found.is_whole:
        assert found.rows == sum(1 for row in cells if any(row))
        assert found.sound + found.bad == found.rows
