"""Patterns that would go back and try again: each one, against texts that are made for it, in a process whose processor time
is limited. Nothing here depends on how busy the machine is: what others compute does not count.
"""

import subprocess
import sys

# Of 17 languages; there are about 450.
LEAST_PATTERNS = 300
ENDLESS = "(?:a|a)*b"
SQUARE = "(?:(?:bb|ab|a|ba) )+c"


def tried(*arguments: str) -> tuple[int, list[str]]:
    """How the program ended, and its lines."""
    command = [sys.executable, "-m", "tests.attacks.backtracking", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_no_pattern_of_text_normalization_goes_back_and_back() -> None:
    status, lines = tried()
    assert [line for line in lines if line.startswith("slow")] == []
    assert status == 0, f"out of processor time at {lines[-1]}"
    assert len(lines) > LEAST_PATTERNS


def test_a_pattern_whose_work_is_the_square_of_the_text_is_found() -> None:
    assert tried(SQUARE) == (0, [f"trying {SQUARE}", f"slow {SQUARE}"])


def test_a_pattern_that_never_ends_is_found() -> None:
    status, lines = tried(ENDLESS, "2")
    assert status < 0
    assert lines == [f"trying {ENDLESS}"]
