"""What speaks, read without coqui-tts, against coqui's own modules."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.checkpoint.files import CheckpointError, find_checkpoint
from streaming.engine.checkpoint.tensors import SpeechWeights, read_speech_weights, read_state
from streaming.engine.vocoder.vocoder import Vocoder
from tests.process.engine.vocoder.vocoding import offline, random_latents, random_speaker

PROJECT = Path(__file__).resolve().parents[4]


def test_the_gpts_weights_are_coquis(tiny_weights: SpeechWeights, tiny_parts: XttsParts) -> None:
    ours, theirs = tiny_weights.gpt, tiny_parts.model.gpt
    assert len(ours.layers) == len(theirs.gpt.h)
    for layer, block in zip(ours.layers, theirs.gpt.h, strict=True):
        for linear, module in (
            (layer.attention_in, block.attn.c_attn),
            (layer.attention_out, block.attn.c_proj),
            (layer.mlp_in, block.mlp.c_fc),
            (layer.mlp_out, block.mlp.c_proj),
        ):
            assert torch.equal(linear.weight, module.weight.t())
            assert torch.equal(linear.bias, module.bias)
        for norm, module in ((layer.norm_1, block.ln_1), (layer.norm_2, block.ln_2)):
            assert torch.equal(norm.weight, module.weight)
            assert torch.equal(norm.bias, module.bias)
    assert torch.equal(ours.final_norms[0].weight, theirs.gpt.ln_f.weight)
    assert torch.equal(ours.final_norms[1].weight, theirs.final_norm.weight)
    assert torch.equal(ours.text_positions, theirs.text_pos_embedding.emb.weight)
    assert torch.equal(ours.audio_positions, theirs.mel_pos_embedding.emb.weight)
    assert torch.equal(ours.text_embedding, theirs.text_embedding.weight)
    assert torch.equal(ours.audio_embedding, theirs.mel_embedding.weight)
    assert torch.equal(ours.audio_head.weight, theirs.mel_head.weight)
    assert (ours.start_text, ours.stop_text) == (theirs.start_text_token, theirs.stop_text_token)


def test_the_vocoder_is_coquis(tiny_weights: SpeechWeights, tiny_parts: XttsParts) -> None:
    decoder = tiny_parts.model.hifigan_decoder
    vocoder = Vocoder(tiny_weights.vocoder)
    assert vocoder.sample_rate == decoder.output_sample_rate
    stream = vocoder.stream(random_speaker())
    latents = random_latents(12, tiny_weights.gpt.width)
    stream.push(latents)
    assert np.abs(stream.decode(last=True) - offline(decoder, latents, random_speaker())).max() < 1e-5


def test_the_built_in_voices_are_coquis(tiny_weights: SpeechWeights, tiny_parts: XttsParts) -> None:
    assert list(tiny_weights.speakers) == list(tiny_parts.speakers)
    for name, tensors in tiny_weights.speakers.items():
        assert all(map(torch.equal, tensors, tiny_parts.speakers[name]))


def test_nothing_of_coqui_and_no_server_is_imported_on_the_way(tiny_checkpoint: Path) -> None:
    """What a machine with a GPU and little else has: torch, numba, numpy, msgpack."""
    program = """
import json, sys
from pathlib import Path
from streaming.engine import framing, xtts_engine, xtts_model
from streaming.engine.checkpoint import random_weights
from streaming.engine.checkpoint.files import find_checkpoint
from streaming.engine.checkpoint.tensors import read_speech_weights
from streaming.engine.gpt.int8_transformer import Int8Transformer
read_speech_weights(find_checkpoint(None, Path(sys.argv[1]), None))
packages = {name.partition(".")[0] for name in sys.modules}
allowed = {"torch", "torchgen", "functorch", "numpy", "numba", "llvmlite", "scipy", "msgpack", "streaming"}
ours = {"TTS", "trainer", "coqpit", "transformers", "tokenizers", "safetensors", "soundfile", "torchaudio", "torchcodec",
        "librosa", "num2words", "anyascii", "django", "channels", "daphne", "redis", "pydantic", "soxr", "av", "piper"}
print(json.dumps([sorted(packages & ours), sorted(packages & allowed)]))
"""
    command = [sys.executable, "-c", program, str(tiny_checkpoint)]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    unwanted, needed = json.loads(result.stdout)
    assert unwanted == []
    assert {"torch", "numba", "msgpack", "streaming"} <= set(needed)


def test_weights_that_are_missing_are_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    state = torch.load(tiny_checkpoint / "model.pth", mmap=True)["model"]
    del state["gpt.gpt.h.1.mlp.c_fc.bias"]
    torch.save({"model": state}, tmp_path / "model.pth")
    files = find_checkpoint(tiny_checkpoint / "config.json", tmp_path, tiny_checkpoint / "vocab.json")
    with pytest.raises(CheckpointError, match=r"model\.pth lacks gpt\.gpt\.h\.1\.mlp\.c_fc\.bias"):
        read_speech_weights(files)


def test_without_its_first_layer_it_is_no_model(tmp_path: Path, tiny_checkpoint: Path) -> None:
    state = torch.load(tiny_checkpoint / "model.pth", mmap=True)["model"]
    torch.save({"model": {k: v for k, v in state.items() if ".h." not in k}}, tmp_path / "model.pth")
    files = find_checkpoint(tiny_checkpoint / "config.json", tmp_path, tiny_checkpoint / "vocab.json")
    with pytest.raises(CheckpointError, match=r"lacks gpt\.gpt\.h\.0\."):
        read_speech_weights(files)


def save_with_settings(path: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights with an object beside them whose class is in a module that is there only now."""
    stand_in: Any = ModuleType(module)
    stand_in.NeverSeen = type("NeverSeen", (), {"__module__": module})
    settings = stand_in.NeverSeen()
    settings.languages = ["en"]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, module, stand_in)
        torch.save({"model": {"a": torch.ones(2)}, "config": settings}, path)


@pytest.mark.parametrize("module", ["TTS.tts.models.xtts", "TTS.tts.configs.xtts_config", "trainer.trainer"])
def test_settings_beside_the_weights_are_read_without_their_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    save_with_settings(tmp_path / "model.pth", module, monkeypatch)
    assert torch.equal(read_state(tmp_path / "model.pth")["a"], torch.ones(2))


@pytest.mark.parametrize("module", ["somebody", "TTSX", "subprocess"])
def test_a_class_of_anybody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    save_with_settings(tmp_path / "model.pth", module, monkeypatch)
    with pytest.raises(CheckpointError, match="cannot be loaded by torch"):
        read_state(tmp_path / "model.pth")
