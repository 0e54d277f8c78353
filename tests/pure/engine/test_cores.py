import os
from pathlib import Path

import pytest

from streaming.engine.cores import usable_cores


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    # What the machine has, whoever may use it.
    monkeypatch.setattr(os, "cpu_count", lambda: 64)


def count(tmp_path: Path, groups: str, **files: str) -> int:
    """With these files below the folder of the control groups; `__` in a name stands for `/`."""
    (tmp_path / "own").write_text(groups)
    for name, content in files.items():
        path = tmp_path / "cgroup" / name.replace("__", "/").replace("cpu_", "cpu.", 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return usable_cores(cgroups=tmp_path / "cgroup", own_groups=tmp_path / "own")


pytestmark = pytest.mark.usefixtures("cores")


def test_without_a_quota_these_are_the_cores_of_the_process(tmp_path: Path) -> None:
    assert count(tmp_path, "0::/\n") == 8
    assert count(tmp_path, "0::/\n", cpu_max="max 100000\n") == 8


@pytest.mark.parametrize(("quota", "cores"), [("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1)])
def test_a_container_has_time_for_so_many(tmp_path: Path, quota: str, cores: int) -> None:
    assert count(tmp_path, "0::/\n", cpu_max=quota) == cores


def test_a_quota_of_more_than_there_is_changes_nothing(tmp_path: Path) -> None:
    assert count(tmp_path, "0::/\n", cpu_max="3200000 100000") == 8


def test_the_group_around_counts_as_well(tmp_path: Path) -> None:
    files = {"system.slice__xtts.service__cpu_max": "max 100000", "system.slice__cpu_max": "300000 100000"}
    assert count(tmp_path, "0::/system.slice/xtts.service\n", **files) == 3


def test_the_hosts_path_in_a_container_is_the_root_there(tmp_path: Path) -> None:
    assert count(tmp_path, "0::/docker/abc\n", cpu_max="400000 100000") == 4


def test_the_first_version_of_control_groups(tmp_path: Path) -> None:
    groups = "5:memory:/box\n4:cpu,cpuacct:/box\n"
    quota = {"cpu,cpuacct__box__cpu_cfs_quota_us": "250000\n", "cpu,cpuacct__box__cpu_cfs_period_us": "100000\n"}
    assert count(tmp_path, groups, **quota) == 3
    quota["cpu,cpuacct__box__cpu_cfs_quota_us"] = "-1\n"
    assert count(tmp_path, groups, **quota) == 8


def test_what_cannot_be_read_is_no_limit(tmp_path: Path) -> None:
    assert count(tmp_path, "0::/\n", cpu_max="rubbish") == 8
    assert usable_cores(cgroups=tmp_path / "none", own_groups=tmp_path / "none") == 8


def test_this_process_has_some() -> None:
    assert usable_cores() >= 1
