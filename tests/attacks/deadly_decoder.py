"""`manage.py serve` with a decoder that dies of some recordings: `python -m tests.attacks.deadly_decoder SCRIPT`.

The script is written here: our own, with the fault that an attacker would look for in libsndfile.
"""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from voices import decoding

DEADLY = b"the bytes that it cannot bear"
_READ = "content = source.read()\n"


def script(folder: Path) -> Path:
    source = Path(decoding.__file__).with_name("decode_child.py").read_text()
    die = f"__import__('os').kill(__import__('os').getpid(), 11) if {DEADLY!r} in content else None"
    assert _READ in source
    path = folder / "deadly_child.py"
    path.write_text(source.replace(_READ, f"{_READ}        {die}\n"))
    return path


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    decoding.CHILD = Path(sys.argv[1])
    execute_from_command_line(["manage.py", "serve"])
