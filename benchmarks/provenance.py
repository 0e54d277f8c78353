"""What figures belong to: the command, the machine and the commit."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROJECT_DIR = Path(__file__).resolve().parent.parent


def provenance() -> dict[str, Any]:
    return {
        "command": " ".join(sys.argv),
        "commit": commit(),
        "machine": {
            "cpu": cpu_name(),
            "cores": len(os.sched_getaffinity(0)),
            **{package: version(package) for package in ("torch", "coqui-tts") if _is_installed(package)},
            "python": platform.python_version(),
        },
    }


def _is_installed(package: str) -> bool:
    return any(True for _ in metadata.distributions(name=package))


def commit() -> str:
    """The short hash, with a + where files differ from it. COMMIT says it for a copy that has no history, or another one."""
    if told := os.environ.get("COMMIT"):
        return told
    name = _git("rev-parse", "--short", "HEAD")
    return f"{name}+" if name and _git("status", "--porcelain") else name or "unknown"


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had resident. Raises OSError if it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    except OSError:  # there is no git here
        return ""
    return done.stdout.strip()
