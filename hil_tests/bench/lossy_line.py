"""A line that loses packets: the kernel's own TCP over nftables that drop by chance, in a network namespace of its own.

Only what goes to or comes from the named TCP ports is lost; everything else of the namespace is whole. The namespace
is that of this process: enter one first (`unshare --net`), or the machine's own network loses packets.
"""

import subprocess

TABLE = "lossy"


class LossyLine:
    """Packets of these ports, in both directions."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ", ".join(map(str, sorted(ports)))

    def lose(self, percent: int) -> None:
        """So many of a hundred packets from now on; 100 is a cable that is cut and tells nobody."""
        chance = "" if percent == 100 else f"numgen random mod 100 < {percent} "
        rules = [f"tcp {side} {{ {self._ports} }} {chance}counter drop" for side in ("dport", "sport")]
        text = "".join(f"    {rule}\n" for rule in rules)
        self._load(f"  chain lost {{\n    type filter hook input priority 0;\n{text}  }}\n")

    def heal(self) -> int:
        """Lose nothing any more; returns how many packets were lost since `lose`."""
        shown = subprocess.run(["nft", "list", "table", "inet", TABLE], capture_output=True, text=True, check=True)
        words = shown.stdout.split()
        lost = sum(int(words[at + 1]) for at, word in enumerate(words) if word == "packets")
        self._load("")
        return lost

    def _load(self, chains: str) -> None:
        """The whole table at once, in place of what was there."""
        ruleset = f"table inet {TABLE} {{}}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{chains}}}\n"
        subprocess.run(["nft", "-f", "-"], input=ruleset, text=True, check=True)
