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


def write_song_list(catalog: Path, path: Path) -> None:
    """The VOD servers' list of the songs in a catalog file, ours or the publisher's with semicolons."""
    with catalog.open(newline="", encoding="utf-8-sig") as source, path.open("w", newline="") as target:
        first = source.readline()
        source.seek(0)
        rows = csv.DictReader(source, delimiter=";" if first.count(";") > first.count(",") else ",")
        songs = csv.writer(target)
        songs.writerow(["song", "duration_s", "kind"])
        for row in rows:
            song = row.get("song") or row["Id"]
            songs.writerow([song, row.get("duration_s") or 150 + hash_of(song) % 150, row.get("kind") or "guest"])


def mapping_of(catalog: Path) -> tuple[str, ...]:
    """What ``catalog import`` must be told about a file: nothing about ours.

    Of a publisher's list the sound rows are taken; the others are named in the import's report.
    """
    with catalog.open(encoding="utf-8-sig") as file:
        first = file.readline()
    if first.startswith("song,"):
        return ()
    delimiter = ";" if first.count(";") > first.count(",") else ","
    mapping = "song=Id,title=Title,artist=Artist,language=Languages"
    return ("--map", mapping, "--delimiter", delimiter, "--accept-sound")


def hash_of(text: str) -> int:
    """A number from a text, the same in every process."""
    return random.Random(text).getrandbits(16)


def _chinese(chance: random.Random) -> tuple[str, str]:
    return _word(chance, "zh first") + _word(chance, "zh last"), _word(chance, "zh surname") + _word(chance, "zh name")


def _english(chance: random.Random) -> tuple[str, str]:
    return f"{_word(chance, 'en first')} {_word(chance, 'en last')}", _word(chance, "en artist").replace("-", " ")


def _word(chance: random.Random, kind: str) -> str:
    return chance.choice(_WORDS[kind].split())
