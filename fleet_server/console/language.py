"""Which language a page speaks: the person's own choice (a cookie), else the browser's, else Chinese."""

from typing import Literal

Lang = Literal["zh", "en"]

LANGS: tuple[Lang, ...] = ("zh", "en")
TAGS: dict[Lang, str] = {"zh": "zh-CN", "en": "en"}
COOKIE = "frontbox-lang"


def choose(cookie: str, accept_language: str) -> Lang:
    for lang in LANGS:
        if cookie == lang:
            return lang
    return _preferred(accept_language)


def _preferred(accept_language: str) -> Lang:
    """The first of ours in the order of quality; equal ones in the order they stand."""
    wanted = []
    for part in accept_language[:256].split(","):
        tag, _, quality = part.strip().partition(";q=")
        wanted.append((-_quality(quality), tag.strip().lower().partition("-")[0]))
    for _, language in sorted(wanted, key=lambda item: item[0]):
        for lang in LANGS:
            if language == lang:
                return lang
    return "zh"


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
