"""The dated region table, read once from the package's data file."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from device.protocol.regions import COUNTY, contains, level

_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Region:
    """One code; dates are `YYYY-MM` of the lists that first and no longer name it, empty if open."""

    code: str
    name: str
    name_en: str
    valid_from: str
    valid_to: str

    def is_valid(self, month: str) -> bool:
        """Whether the code is in use in a month `YYYY-MM`."""
        return self.valid_from <= month and (not self.valid_to or month < self.valid_to)


class Regions:
    """All codes, in ascending order."""

    def __init__(self, regions: list[Region]) -> None:
        self._by_code = {region.code: region for region in regions}

    def __iter__(self) -> Iterator[Region]:
        return iter(self._by_code.values())

    def find(self, code: str) -> Region | None:
        return self._by_code.get(code)

    def path(self, code: str) -> list[Region]:
        """The region and those around it, the country first: 全国, 广东省, 广州市, 天河区."""
        outer = ("000000", code[:2] + "0000", code[:4] + "00", code)
        return [self._by_code[one] for one in dict.fromkeys(outer) if one in self._by_code]

    def subtree(self, code: str) -> list[Region]:
        return [region for region in self if contains(code, region.code)]

    def children(self, code: str) -> list[Region]:
        """The next level below; counties stand directly below where there is no city between."""
        found: list[Region] = []
        for region in self.subtree(code):
            # In ascending order a region comes before all that lies in it.
            if region.code != code and not (found and contains(found[-1].code, region.code)):
                found.append(region)
        return found

    def issues_venue_codes(self, code: str, month: str) -> bool:
        """Whether venues are registered there: a county in use, or a city without counties (as 东莞, 嘉峪关)."""
        region = self.find(code)
        if region is None or not region.is_valid(month):
            return False
        return level(code) == COUNTY or (code[4:] == "00" and code[2:] != "0000" and not self.children(code))


def load() -> Regions:
    text = (resources.files(__package__) / "gbt2260.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert all(len(line) == _COLUMNS for line in lines)
    return Regions([Region(*line) for line in lines])
