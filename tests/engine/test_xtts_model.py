import re
from pathlib import Path
from typing import Any

import pytest
import torch

from streaming.engine.checkpoint import XttsParts
from streaming.engine.checkpoint_files import CheckpointError
from streaming.engine.gpt import positions_needed
from streaming.engine.gpt_weights import take_weights
from streaming.engine.int8_transformer import Int8Transformer
from streaming.engine.sampling import SamplingSettings
from streaming.engine.transformer import TorchTransformer
from streaming.engine.xtts_model import ModelOptions, _sampling, choose_device, choose_precision, load_model

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def with_two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("without_gpu")
def test_without_a_gpu_the_cpu_is_taken() -> None:
    assert choose_device("auto") == CPU
    assert choose_device("cpu") == CPU


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_gpu_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"model.device is {name}, but PyTorch finds no CUDA GPU here."):
        choose_device(name)


@pytest.mark.usefixtures("with_two_gpus")
def test_a_gpu_that_is_there_is_taken() -> None:
    assert choose_device("auto") == CUDA
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device("cpu") == CPU


@pytest.mark.usefixtures("with_two_gpus")
def test_a_gpu_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="cuda:2, but there are only 2 GPUs"):
        choose_device("cuda:2")


@pytest.mark.parametrize(
    ("name", "device", "chosen"),
    [
        ("auto", CPU, "int8"),
        ("auto", CUDA, "fp16"),
        ("fp32", CPU, "fp32"),
        ("int8", CPU, "int8"),
        ("fp32", CUDA, "fp32"),
        ("bf16", CUDA, "bf16"),
    ],
)
def test_the_precision_is_what_the_device_is_good_at(name: str, device: torch.device, chosen: str) -> None:
    assert choose_precision(name, device) == chosen


@pytest.mark.parametrize(("name", "device"), [("int8", CUDA), ("fp16", CPU), ("bf16", CPU)])
def test_a_precision_that_the_device_is_no_good_at_is_refused(name: str, device: torch.device) -> None:
    with pytest.raises(ValueError, match=re.escape(f"model.precision {name} is for")):
        choose_precision(name, device)


def test_the_sampling_settings_are_the_checkpoints(tiny_parts: XttsParts) -> None:
    assert _sampling(tiny_parts.config) == SamplingSettings(0.75, 50, 0.85, 5.0)


@pytest.fixture
def threads_as_before() -> Any:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("threads_as_before")
@pytest.mark.parametrize(("precision", "kind"), [("fp32", TorchTransformer), ("int8", Int8Transformer)])
def test_a_model_is_loaded_ready_to_speak(tiny_checkpoint: Path, precision: str, kind: type) -> None:
    model = load_model(ModelOptions(str(tiny_checkpoint), device="cpu", precision=precision, threads=1, slots=1))
    assert (model.device, model.precision) == (CPU, precision)
    assert isinstance(model.gpt._transformer, kind)
    assert model.vocoder.sample_rate == 24_000
    assert torch.get_num_threads() == 1
    # What others have taken over is in memory once.
    assert model.weights.layers == ()
    assert not hasattr(model.parts.model.gpt, "gpt")
    model.gpt.stop()


@pytest.mark.usefixtures("threads_as_before")
def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        load_model(ModelOptions(str(tmp_path), device="cpu"))


def test_a_sequence_has_room_for_the_voice_the_longest_text_and_the_longest_speech(tiny_parts: XttsParts) -> None:
    weights = take_weights(tiny_parts.model.gpt)
    assert weights.max_text_tokens >= 402
    assert positions_needed(weights) >= 32 + (weights.max_text_tokens + 2) + weights.max_audio_tokens + 1
