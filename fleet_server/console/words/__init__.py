"""Every word of the console, in Chinese and English.

A key names the place or the meaning, `section.word`. Values in braces are filled in by the page. English has no
plurals here: counts stand beside nouns ("Boxes: 1"), not before them.
"""

from fleet_server.console.language import Lang
from fleet_server.console.words import details, frame, lists, states

WORDS: dict[str, tuple[str, str]] = {**frame.WORDS, **states.WORDS, **lists.WORDS, **details.WORDS}


def say(lang: Lang, key: str, **values: object) -> str:
    """Raises KeyError for a word that is not there: a page never shows a key."""
    zh, en = WORDS[key]
    text = zh if lang == "zh" else en
    return text.format(**values) if values else text


def has(key: str) -> bool:
    return key in WORDS
