"""Debian's programs that the tests here start."""

import os
import shutil


def program(name: str) -> str:
    """Where a program is. A test fails without it: `make test-system` has it installed."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is not installed: run .ci/system-packages as root"
    return found
