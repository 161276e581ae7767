"""What the style sheets promise: text that can be read, and two dark palettes that are one."""

import re
from importlib import resources

import pytest

CSS = resources.files("fleet_server.console").joinpath("static/tokens.css").read_text(encoding="utf-8")
TEXT_MIN = 4.5  # WCAG 2.2, 1.4.3
EDGE_MIN = 3.0  # 1.4.11

# Text colour, ground.
TEXTS = [
    *((text, ground) for text in ("text", "text-soft", "accent") for ground in ("page", "surface", "sunken")),
    *((kind, f"{kind}-ground") for kind in ("good", "stop", "warn", "wait", "idle")),
    ("accent", "accent-ground"),
    ("on-accent", "accent"),
    ("on-bar", "bar"),
    ("on-bar-soft", "bar"),
    ("surface", "wait"),
    ("surface", "good"),
    ("surface", "stop"),
    ("surface", "warn"),
]
EDGES = [("line-strong", "surface"), ("focus", "surface"), ("focus", "page")]


def palettes() -> list[dict[str, str]]:
    """Light, dark by the system, dark by choice."""
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r"\{([^{}]*)\}", CSS)]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_both_dark_palettes_are_the_same() -> None:
    light, system, chosen = palettes()
    assert system == chosen
    assert set(light) == set(system)


@pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXTS)
def test_text_can_be_read(palette: int, text: str, ground: str) -> None:
    colours = palettes()[palette]
    assert contrast(colours[text], colours[ground]) >= TEXT_MIN


@pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_edges_can_be_seen(palette: int, edge: str, ground: str) -> None:
    colours = palettes()[palette]
    assert contrast(colours[edge], colours[ground]) >= EDGE_MIN
