import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from TTS.tts.configs.xtts_config import XttsConfig

from streaming.engine.checkpoint.config import SpeechConfig, read_speech_config
from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.checkpoint.files import CheckpointError, CheckpointFiles, find_checkpoint


@pytest.fixture
def files(tiny_checkpoint: Path, tmp_path: Path) -> CheckpointFiles:
    """The tiny checkpoint's, with a config and a vocabulary that may be written."""
    for name in ("config.json", "vocab.json"):
        shutil.copy(tiny_checkpoint / name, tmp_path)
    return find_checkpoint(tmp_path / "config.json", tiny_checkpoint, tmp_path / "vocab.json")


def change(path: Path, **values: Any) -> None:
    """Settings, or with None none; of `model_args` where they are named `gpt_...`."""
    content = json.loads(path.read_text())
    for name, value in values.items():
        part = content["model_args"] if name.startswith("gpt_") else content
        part.pop(name, None)
        if value is not None:
            part[name] = value
    path.write_text(json.dumps(content))


def test_it_says_what_coqui_says(files: CheckpointFiles, tiny_parts: XttsParts) -> None:
    gpt, config = tiny_parts.model.gpt, tiny_parts.config
    assert read_speech_config(files) == SpeechConfig(
        heads=gpt.heads,
        start_text=gpt.start_text_token,
        stop_text=gpt.stop_text_token,
        start_audio=gpt.start_audio_token,
        stop_audio=gpt.stop_audio_token,
        max_text_tokens=config.model_args.gpt_max_text_tokens,
        max_audio_tokens=gpt.max_gen_mel_tokens,
        languages=tuple(config.languages),
        temperature=config.temperature,
        top_k=config.top_k,
        top_p=config.top_p,
        repetition_penalty=config.repetition_penalty,
    )


def test_what_a_file_leaves_out_is_coquis_default(files: CheckpointFiles) -> None:
    left_out = ["gpt_n_heads", "gpt_start_audio_token", "gpt_stop_audio_token", "gpt_max_text_tokens"]
    left_out += ["gpt_max_audio_tokens", "languages", "temperature", "top_k", "top_p", "repetition_penalty"]
    change(files.config, **dict.fromkeys(left_out))
    config, default = read_speech_config(files), XttsConfig()
    arguments = default.model_args
    assert config.heads == arguments.gpt_n_heads
    assert (config.start_audio, config.stop_audio) == (arguments.gpt_start_audio_token, arguments.gpt_stop_audio_token)
    assert config.max_text_tokens == arguments.gpt_max_text_tokens
    assert config.max_audio_tokens == arguments.gpt_max_audio_tokens - 3
    assert config.languages == tuple(default.languages)
    assert (config.temperature, config.top_k) == (default.temperature, default.top_k)
    assert (config.top_p, config.repetition_penalty) == (default.top_p, default.repetition_penalty)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gpt_n_heads", "many"),
        ("temperature", "hot"),
        ("top_k", 1.5),
        ("languages", "en"),
        ("gpt_max_text_tokens", True),
    ],
)
def test_a_value_of_the_wrong_type_is_named(files: CheckpointFiles, name: str, value: Any) -> None:
    change(files.config, **{name: value})
    with pytest.raises(CheckpointError, match=f"sets {name} to .*which has the wrong type"):
        read_speech_config(files)


def test_a_token_may_be_an_added_one_only(files: CheckpointFiles) -> None:
    content = json.loads(files.vocab.read_text())
    del content["model"]["vocab"]["[START]"]
    content["added_tokens"] = [{"id": 399, "content": "[START]"}]
    files.vocab.write_text(json.dumps(content))
    assert read_speech_config(files).start_text == 399
