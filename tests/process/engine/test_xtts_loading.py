from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from streaming.engine import xtts_model
from streaming.engine.checkpoint.files import CheckpointError
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.gpt.gpt import positions_needed
from streaming.engine.gpt.int8_transformer import Int8Transformer
from streaming.engine.gpt.sampling import SamplingSettings
from streaming.engine.gpt.torch_transformer import TorchTransformer
from streaming.engine.xtts_loading import CheckpointPaths, load_model
from streaming.engine.xtts_model import Compute, ComputeOptions, Model, _sampling

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def load(folder: Path, **options: Any) -> Model:
    return load_model(CheckpointPaths(str(folder)), ComputeOptions(device="cpu", **options))


@pytest.mark.parametrize(("precision", "kind"), [("fp32", TorchTransformer), ("int8", Int8Transformer)])
def test_a_model_is_loaded_ready_to_speak(tiny_checkpoint: Path, precision: str, kind: type) -> None:
    model = load(tiny_checkpoint, precision=precision, threads=1, slots=1)
    assert (model.device, model.precision, model.slots) == (CPU, precision, 1)
    assert isinstance(model.gpt._transformer, kind)
    assert model.vocoder.sample_rate == 24_000
    assert torch.get_num_threads() == 1
    # What others have taken over is in memory once.
    assert model.weights.layers == ()
    model.stop()


def test_on_a_cpu_two_speak_at_once_unless_told_otherwise(tiny_checkpoint: Path) -> None:
    model = load(tiny_checkpoint, threads=1)
    assert model.slots == 2
    model.stop()


def test_there_are_as_many_threads_as_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xtts_model, "usable_cores", lambda: 3)
    assert Compute.begin(ComputeOptions(device="cpu")).threads == 3
    assert torch.get_num_threads() == 3
    assert Compute.begin(ComputeOptions(device="cpu", threads=1)).threads == 1


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        load(tmp_path)


def test_the_sampling_settings_are_the_checkpoints(tiny_weights: SpeechWeights) -> None:
    assert _sampling(tiny_weights.config) == SamplingSettings(0.75, 50, 0.85, 5.0)


def test_a_sequence_has_room_for_the_voice_the_longest_text_and_the_longest_speech(tiny_weights: SpeechWeights) -> None:
    weights = tiny_weights.gpt
    assert weights.max_text_tokens >= 402
    assert positions_needed(weights) >= 32 + (weights.max_text_tokens + 2) + weights.max_audio_tokens + 1
