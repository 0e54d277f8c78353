import subprocess
import sys
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
from streaming.engine.vocoder.compiled_generator import CompiledGenerator
from streaming.engine.vocoder.torch_generator import Generator
from streaming.engine.xtts_loading import CheckpointPaths, load_model
from streaming.engine.xtts_model import Compute, ComputeOptions, Model, _sampling

CPU = torch.device("cpu")
PROJECT = Path(__file__).resolve().parents[3]
SPEAK_WITHOUT_NUMBA = """
import sys
from pathlib import Path
from tests.process.engine.xtts import Listener, VoiceRef, request, xtts
from tests.pure.voices.recordings import recording
with xtts(Path(sys.argv[1]), threads=1, slots=1, compiled_kernels=False) as engine:
    listener = Listener()
    engine.prepare("voice", VoiceRef("key", (recording(1.0),)), listener.hear)
    (prepared,) = listener.of("voice")
    engine.submit(request("speech", voice=VoiceRef("key", conditioning=prepared.conditioning)), listener.hear)
    print(len(listener.first("speech").samples) > 0, {"numba", "llvmlite"} & set(sys.modules))
"""


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def load(folder: Path, **options: Any) -> Model:
    model = load_model(CheckpointPaths(str(folder)), ComputeOptions(device="cpu", **options))
    assert isinstance(model, Model)
    return model


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


@pytest.mark.parametrize(
    ("compiled_kernels", "transformer", "generator"),
    [(True, Int8Transformer, CompiledGenerator), (False, TorchTransformer, Generator)],
)
def test_compiled_kernels_can_be_turned_off(
    small_checkpoint: Path, compiled_kernels: bool, transformer: type, generator: type
) -> None:
    model = load(small_checkpoint, threads=1, compiled_kernels=compiled_kernels)
    assert isinstance(model.gpt._transformer, transformer)
    assert isinstance(model.vocoder._generator, generator)
    assert (model.crew is not None) is compiled_kernels
    model.stop()


@pytest.mark.parametrize(("precision", "while_speaking"), [("int8", 1), ("fp32", 2)])
def test_where_the_crew_runs_all_layers_pytorch_leaves_it_the_cores(
    tiny_checkpoint: Path, precision: str, while_speaking: int
) -> None:
    model = load(tiny_checkpoint, precision=precision, threads=2)
    assert (model.threads, model.speaking_threads) == (2, while_speaking)
    model.stop()


def test_without_compiled_kernels_an_engine_speaks_without_numba(tiny_checkpoint: Path) -> None:
    command = [sys.executable, "-c", SPEAK_WITHOUT_NUMBA, str(tiny_checkpoint)]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert result.stdout == "True set()\n", result.stderr


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
