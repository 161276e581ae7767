"""A folder of a running box that is there, then is not, then is again."""

from pathlib import Path


def point(link: Path, target: Path) -> None:
    """In one step: a box that tries again all the time must never find nothing there and make a folder of its own."""
    fresh = link.with_name("link")
    fresh.symlink_to(target)
    fresh.replace(link)
