"""The machine that the figures come from, and what a process of it costs."""

import os
import platform
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its threads, user and system."""
    # The name in parentheses may hold spaces; the times are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory_mb(pid: int | str, kind: str = "Anonymous") -> float:
    """Memory of a process in MB: `Anonymous` is what the kernel cannot drop, `Pss`, `Rss` as in smaps_rollup."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(kind)


def described(folder: Path) -> list[str]:
    """Lines for people: processor, kernel, Python, load, and the disk that `folder` lies on."""
    cpu = _value_of("/proc/cpuinfo", "model name") or platform.machine()
    load = " ".join(f"{part:.2f}" for part in os.getloadavg())
    return [
        f"{cpu}, {len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}, load average {load}",
        f"disk under test: {_file_system(folder)}",
    ]


def _value_of(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _file_system(folder: Path) -> str:
    """Type and device of the file system; memory is named as such, for a sync there costs nothing."""
    mounts = [line.split()[:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    here = [(len(at), kind, device) for device, at, kind in mounts if folder.resolve().is_relative_to(at)]
    _, kind, device = max(here)
    return f"{kind} on {device}" + (" (memory: syncs cost nothing here)" if kind == "tmpfs" else "")
