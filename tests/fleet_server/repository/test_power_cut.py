"""Power is cut between every two writes of a publication: boxes find the old edition or the new one, whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet_server.repository import RepositoryFolder, store
from tests.fleet_server.repository.published import PublishedFleet, catalog_files

WRITES_MAX = 12


class PowerCutError(Exception):
    """The lights are out."""


def require_whole(folder: RepositoryFolder) -> None:
    """Everything that the timestamp leads to is there, with the hash that it is promised to have."""
    for name in folder.versions():
        for path, target in folder.role(name).signed.targets.items():
            place = folder.targets / store.hashed_name(path, target.hashes["sha256"])
            with place.open("rb") as file:
                target.verify_length_and_hashes(file)


@pytest.mark.parametrize("writes", range(WRITES_MAX))
def test_a_publication_that_is_cut_off_is_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    fleet = PublishedFleet(tmp_path)
    fleet.publish("catalog", catalog_files(1, ["000001"]))
    before = fleet.publisher.folder.versions()
    left = writes

    def cut(original: Callable[..., None]) -> Callable[..., None]:
        def write(*arguments: Any) -> None:
            nonlocal left
            if left == 0:
                raise PowerCutError
            left -= 1
            original(*arguments)

        return write

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", cut(store.write))
        patch.setattr(store, "copy", cut(store.copy))
        try:
            fleet.publish("catalog", catalog_files(2, ["000002"]))
        except PowerCutError:
            assert fleet.publisher.folder.versions() == before
        else:
            assert fleet.publisher.folder.versions()["catalog"] == before["catalog"] + 1
    require_whole(fleet.publisher.folder)
    if left == 0 and fleet.publisher.folder.versions() == before:
        fleet.publish("catalog", catalog_files(2, ["000002"]))
        require_whole(fleet.publisher.folder)
