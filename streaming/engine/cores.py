"""How many cores this process may use: fewer than the machine has where it is bound to some, or in a container."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def usable_cores(*, cgroups: Path = _CGROUPS, own_groups: Path = _OWN_GROUPS) -> int:
    """Cores that the scheduler lets this process run on, or that its control group has time for, whichever is less. A share
    of a core counts as one."""
    quotas = (math.ceil(quota) for quota in _quotas(cgroups, own_groups))
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def _quotas(cgroups: Path, own_groups: Path) -> Iterator[float]:
    """The cores of each control group that limits this process: its own and those around it."""
    for controllers, path in _groups(own_groups):
        folder = cgroups / controllers if controllers else cgroups
        # Seen from a container, the path may be the host's: the group that it sees is its own.
        inner = folder / path.lstrip("/")
        for group in {folder, inner, *(parent for parent in inner.parents if parent.is_relative_to(folder))}:
            yield from _quota_of(group)


def _groups(own_groups: Path) -> Iterator[tuple[str, str]]:
    """(controllers, path) of each group: lines of `number:controllers:path`; version 2 names no controllers."""
    try:
        lines = own_groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "" or "cpu" in controllers.split(","):
            yield controllers, path


def _quota_of(group: Path) -> Iterator[float]:
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        if quota not in ("max", "-1"):
            yield int(quota) / int(period)
    except (OSError, ValueError):
        return  # no such limit, or none that can be read
