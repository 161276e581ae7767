"""Every word a page can ask for is there, in both languages, with the same blanks."""

import re
import string
from importlib import resources
from pathlib import Path

import pytest

import fleet_server
from fleet_server import rollouts
from fleet_server.boxes import STATES
from fleet_server.console import frame, language
from fleet_server.console.language import choose
from fleet_server.console.words import WORDS, details, lists, states
from fleet_server.console.words import frame as frame_words
from fleet_server.people import Role

TEMPLATES = sorted(file.name for file in resources.files("fleet_server.console").joinpath("templates").iterdir())


def blanks(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_blanks() -> None:
    assert not [key for key, (zh, en) in WORDS.items() if blanks(zh) != blanks(en)]
    assert not [key for key, pair in WORDS.items() if not all(text.strip() for text in pair)]


def test_no_key_is_given_twice() -> None:
    parts = (frame_words.WORDS, states.WORDS, lists.WORDS, details.WORDS)
    assert sum(len(part) for part in parts) == len(WORDS)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_word_of_a_template_is_there(name: str) -> None:
    source = resources.files("fleet_server.console").joinpath("templates", name).read_text(encoding="utf-8")
    asked = set(re.findall(r'\bt\("([\w.-]+)"[,)]', source))
    asked |= {f"{key}.{part}" for key in re.findall(r'parts\.empty\("([\w.-]+)"\)', source) for part in ("what", "do")}
    assert asked <= set(WORDS)


def test_no_word_is_left_over() -> None:
    """But for those whose key ends in a value, which the protocol or the audit record names."""
    folder = Path(fleet_server.__file__).parent / "console"
    sources = [*folder.glob("*.py"), *folder.glob("templates/*.html")]
    asked = set(re.findall(r'"([a-z_]+(?:[.][\w-]+)*)"', "".join(path.read_text(encoding="utf-8") for path in sources)))
    empty = {f"{key}.{part}" for key in asked for part in ("what", "do")}
    by_value = {key for key in WORDS if key in states.WORDS or key.startswith(("theme.", "chain.", "about.word."))}
    assert not set(WORDS) - asked - empty - by_value


def test_every_value_has_its_word() -> None:
    asked = {f"update.{state}" for state in rollouts.STATES}
    asked |= {f"venue.state.{state}" for state in STATES} | {f"role.{role.value}" for role in Role}
    asked |= {word for _, word, _ in frame.MENU} | {f"theme.{theme}" for theme in frame.THEMES}
    assert asked <= set(WORDS)
    assert set(states.KINDS) <= set(WORDS)


def test_whatever_the_audit_record_names_has_its_word() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(fleet_server.__file__).parent.rglob("*.py")]
    actions = {name for source in sources for name in re.findall(r'\baction="([a-z]+\.[a-z]+)"', source)}
    subjects = {name for source in sources for name in re.findall(r'(?:record\(|subject=)f"([a-z]+):', source)}
    assert "order.sign" in actions
    assert "venue" in subjects
    assert {f"act.{name}" for name in actions} | {f"subject.{name}" for name in subjects} <= set(WORDS)


@pytest.mark.parametrize(
    ("cookie", "header", "lang"),
    [
        ("", "", "zh"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "fr, en;q=0.4, zh;q=0.6", "zh"),
        ("", "de", "zh"),
        ("", "en;q=nonsense, zh;q=0.1", "zh"),
        ("en", "zh-CN", "en"),
        ("xx", "en", "en"),
    ],
)
def test_the_language_is_the_persons_choice(cookie: str, header: str, lang: language.Lang) -> None:
    assert choose(cookie, header) == lang
