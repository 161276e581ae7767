"""A catalog of made-up songs for the demo: a few thousand, by seed, so that everybody sees the same evening.

No title or artist is a real one by intent. The CSV has the columns that ``catalog import`` takes as they are;
the same rows, without the words, are the VOD servers' song list.
"""

import csv
import random
from pathlib import Path

SONGS_COUNT = 4000
FILLERS_COUNT = 12
ADVERTS_COUNT = 8
PUBLISHERS_COLUMNS = {"Id", "Title", "Artist", "Languages"}
GUEST_SONGS_MIN = 3  # the tour bans one in a venue and another everywhere
COLUMNS = ("song", "title", "artist", "language", "duration_s", "kind")

_WORDS = {
    "zh first": "夜雨 春风 海边 长街 旧梦 星光 故乡 晚霞 青山 远方 月下 秋叶 江南 北城 归途 初雪 灯火 纸船 云端 时光",
    "zh last": "来信 慢歌 往事 的你 情书 回声 少年 小调 约定 离歌 之恋 思念 独白 漫游 倒影 花开 如歌 未眠 重逢 远航",
    "zh surname": "林 陈 苏 叶 江 沈 顾 程 白 许 温 陆",
    "zh name": "晓舟 若溪 明远 雨桐 子墨 安然 星河 予安 清和 知夏 南乔 一帆",
    "en first": "Midnight Silver Paper Golden Distant Velvet Summer Neon Quiet Broken Electric Winter",
    "en last": "River Letters Lights Harbor Highway Garden Dancer Rain Stations Horizon Hearts Echo",
    "en artist": "Harbourlight Nora-Vale Paperlantern Miles-Ashdown Juniper-Co Ninth-Tram",
}


def write_catalog(path: Path, seed: int = 2026) -> None:
    """Write the CSV."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number in range(SONGS_COUNT):
            chinese = chance.random() < 0.75
            title, artist = _chinese(chance) if chinese else _english(chance)
            language = "zh" if chinese else "en"
            rows.writerow([f"S{number:06d}", title, artist, language, chance.randint(150, 320), "guest"])
        for number in range(FILLERS_COUNT):
            rows.writerow([f"F{number:06d}", f"垫片 {number + 1}", "本店", "zh", 30, "filler"])
        for number in range(ADVERTS_COUNT):
            rows.writerow([f"A{number:06d}", f"广告 {number + 1}", "本店", "zh", 15, "advert"])


class SongList:
    """A file for ``catalog import``: with our columns, as `write_catalog` makes it, or a publisher's.

    Its sound rows are taken; the others are named in the import's report.
    OSError and ValueError say in a sentence what is wrong with the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                first = file.readline()
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not in UTF-8") from None
        self._delimiter = ";" if first.count(";") > first.count(",") else ","
        columns = set(next(csv.reader([first], delimiter=self._delimiter), []))
        self._is_ours = {"song", "title"} <= columns
        if not self._is_ours and not columns >= PUBLISHERS_COLUMNS:
            raise ValueError(
                f"{path} begins with {first.strip()[:80]!r}; its first line has to name the columns song,title"
                f" ({','.join(COLUMNS[2:])} may follow) or {';'.join(sorted(PUBLISHERS_COLUMNS))}"
            )

    def mapping(self) -> tuple[str, ...]:
        """What ``catalog import`` must be told about the file's columns: nothing about ours."""
        if self._is_ours:
            return ("--accept-sound",)
        mapping = "song=Id,title=Title,artist=Artist,language=Languages"
        return ("--map", mapping, "--delimiter", self._delimiter, "--accept-sound")

    def write_for_vod(self, path: Path) -> None:
        """The VOD servers' list of the same songs."""
        guests = 0
        with self.path.open(newline="", encoding="utf-8-sig") as source, path.open("w", newline="") as target:
            songs = csv.writer(target)
            songs.writerow(["song", "duration_s", "kind"])
            for row in csv.DictReader(source, delimiter=self._delimiter):
                song = row["song" if self._is_ours else "Id"]
                kind = row.get("kind") or "guest"
                guests += kind == "guest"
                songs.writerow([song, row.get("duration_s") or 150 + hash_of(song) % 150, kind])
        if guests < GUEST_SONGS_MIN:
            raise ValueError(f"{self.path} has {guests} songs for guests; the demo needs {GUEST_SONGS_MIN}")


def hash_of(text: str) -> int:
    """A number from a text, the same in every process."""
    return random.Random(text).getrandbits(16)


def _chinese(chance: random.Random) -> tuple[str, str]:
    return _word(chance, "zh first") + _word(chance, "zh last"), _word(chance, "zh surname") + _word(chance, "zh name")


def _english(chance: random.Random) -> tuple[str, str]:
    return f"{_word(chance, 'en first')} {_word(chance, 'en last')}", _word(chance, "en artist").replace("-", " ")


def _word(chance: random.Random, kind: str) -> str:
    return chance.choice(_WORDS[kind].split())
