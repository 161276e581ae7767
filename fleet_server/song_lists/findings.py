"""What can be wrong with a song list, in two languages; rows and columns are named beside the code."""

from dataclasses import dataclass

SENTENCES: dict[str, tuple[str, str]] = {
    "FILE_TOO_LARGE": ("文件过大", "the file is too large"),
    "FILE_COSTLY": ("文件读取耗费过多，已放弃", "reading the file takes too much memory or time"),
    "FILE_EMPTY": ("文件没有表头", "the file has no header"),
    "FILE_ENCODING": ("文字编码无法识别", "the encoding is not one that is known"),
    "QUOTES_WRONG": ("引号不成对，其后内容无法读取", "a quote is not closed; nothing after it can be read"),
    "COLUMNS_TOO_MANY": ("列数过多", "there are too many columns"),
    "COLUMN_TWICE": ("列名重复", "a column name stands twice"),
    "COLUMN_MISSING": ("找不到对应的列", "a column of the mapping is not in the file"),
    "ROWS_TOO_MANY": ("行数超过曲库上限", "there are more rows than a catalog may have"),
    "ROW_CELLS": ("单元格数与表头不符", "the number of cells is not that of the header"),
    "CELL_MISSING": ("必填内容为空", "a cell that is needed is empty"),
    "CELL_FORM": ("内容格式不对", "the content has a wrong form"),
    "CELL_TOO_LONG": ("内容过长", "the content is too long"),
    "CELL_UNREADABLE": ("含有不可见或控制字符", "it holds invisible or control characters"),
    "DATES_REVERSED": ("截止日期早于起始日期", "the last day lies before the first"),
    "SONG_TWICE": ("歌曲编号重复", "the song id stands twice"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `row` as a spreadsheet counts, 0 for the whole file; `column` as the file names it."""

    row: int
    column: str
    code: str
    detail: str = ""
