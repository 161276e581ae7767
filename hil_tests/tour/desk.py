"""What several promises need: orders that are given often, songs to sing, counts to compare."""

import itertools
from collections import Counter

from hil_tests.bench.country import TIANHE, Officer, officers_over
from hil_tests.bench.journal_file import JournalEntry, read_journal
from hil_tests.bench.offices import Approved
from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.vod.songbook import read_songs

PAPER = ("--document", "文旅执〔2026〕第 117 号", "--basis", "娱乐场所管理条例 第四十八条")
ENDED_WITHIN = ("--ends-in-days", "30")


def stop(stage: Stage, venue: Venue, region: str | None = None) -> Approved:
    """A stop for one venue by the two officers over it (or over the region that is given)."""
    words = ("--text-zh", "责令停业整顿", "--text-en", "Business suspended")
    scope = ("--venue", stage.code(venue))
    return stage.offices.order(
        "stop", region or venue.place.region, *scope, *PAPER, *words, *ENDED_WITHIN, "--grace-s", "0"
    )


def resume(stage: Stage, venue: Venue, ended: Approved, region: str | None = None) -> Approved:
    words = ("--text-zh", "准予恢复营业", "--text-en", "Business may resume")
    scope = ("--venue", stage.code(venue), "--ends", ended.order)
    return stage.offices.order("resume", region or venue.place.region, *scope, *PAPER, *words)


def ban(stage: Stage, venue: Venue, song: str) -> Approved:
    """A ban of one song for one venue."""
    words = ("--text-zh", "停止播放该曲目", "--text-en", "This song must not be played")
    scope = ("--venue", stage.code(venue), "--target", f"version:{song}")
    return stage.offices.order("ban", venue.place.region, *scope, *PAPER, *words)


def ban_everywhere(stage: Stage, song: str) -> Approved:
    """A ban of one song for the whole country, by the ministry."""
    words = ("--text-zh", "全国停止播放该曲目", "--text-en", "This song must not be played anywhere")
    return stage.offices.order("ban", "000000", "--region", "000000", "--target", f"version:{song}", *PAPER, *words)


def lift(stage: Stage, venue: Venue, ended: Approved) -> Approved:
    words = ("--text-zh", "解除禁播", "--text-en", "The ban is lifted")
    scope = ("--venue", stage.code(venue), "--ends", ended.order)
    return stage.offices.order("lift", venue.place.region, *scope, *PAPER, *words)


def county_officers() -> tuple[Officer, Officer]:
    return officers_over(TIANHE.region)


def some_songs(stage: Stage, count: int, skip: int = 0) -> list[str]:
    """Songs of the catalog that a guest may sing."""
    songs = (song.song for song in read_songs(stage.songs) if song.kind == "guest")
    return list(itertools.islice(songs, skip, skip + count))


def journal_of(venue: Venue) -> list[JournalEntry]:
    """The journal as it stands on the box's disk, its chain computed anew."""
    return read_journal(venue.board.directory / "data" / "journal", venue.place.box)


def require_same_count(stage: Stage) -> tuple[int, int]:
    """Ledger = VOD servers' own count + what the bench itself sang, per room and song, exactly.

    Returns counted plays and venues. Raises AssertionError that names the first differences.
    """
    stage.wait_settled()
    plays = 0
    for venue in stage.venues:
        own = venue.tally().counted() + _sung_by_bench(venue)
        ledger = stage.offices.ledger(stage.code(venue))
        if ledger != own:
            more, less = ledger - own, own - ledger
            raise AssertionError(f"{venue.place.box}: too many {dict(list(more.items())[:5])}, missing {less}")
        plays += sum(own.values())
    return plays, len(stage.venues)


def _sung_by_bench(venue: Venue) -> Counter[tuple[str, str]]:
    """Plays in the bench's own rooms, by the box's journal: no VOD server has them in its count."""
    ends = (entry.body for entry in journal_of(venue) if entry.kind == "PLAY_END")
    return Counter((end["room"], end["song"]) for end in ends if end["counted"] and end["room"].startswith("bench-"))
