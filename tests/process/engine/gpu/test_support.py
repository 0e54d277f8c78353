import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from streaming.engine.checkpoint.random_weights import random_speech_weights
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.gpu import support
from streaming.engine.gpu.support import fits, why_not
from streaming.engine.vocoder.weights import Filter

GPU = torch.device("cuda", 0)


def sized(
    weights: SpeechWeights, *, width: int = 1024, heads: int = 16, channels: tuple[int, ...] = (256, 128, 64, 32)
) -> SpeechWeights:
    """With shapes of these sizes, and nothing in them. `channels`: behind each upsampling."""
    gpt = replace(weights.gpt, heads=heads, text_embedding=torch.empty(1, width))
    stages, inputs = [], 2 * channels[0]
    for stage, outputs in zip(weights.vocoder.stages, channels, strict=True):
        weight = torch.empty(stage.upsampling.factor * outputs, inputs, 2)
        stages.append(replace(stage, upsampling=replace(stage.upsampling, weight=weight)))
        inputs = outputs
    first = Filter(torch.empty(2 * channels[0], width, 7), torch.empty(2 * channels[0]))
    return replace(weights, gpt=gpt, vocoder=replace(weights.vocoder, first=first, stages=stages))


@pytest.fixture(scope="module")
def tiny() -> SpeechWeights:
    return random_speech_weights("tiny")


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tiny: SpeechWeights) -> Callable[..., str]:
    """Why a machine, by default one that can, cannot run the kernels for a model, by default one of XTTS's sizes."""

    def ask(
        *,
        packages: tuple[str, ...] = ("triton",),
        programs: tuple[str, ...] = ("gcc",),
        compiler: str | None = None,
        capability: tuple[int, int] = (8, 0),
        weights: SpeechWeights | None = None,
    ) -> str:
        monkeypatch.setattr(support, "find_spec", lambda name: name if name in packages else None)
        monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
        monkeypatch.delenv("CC", raising=False)
        if compiler:
            monkeypatch.setenv("CC", compiler)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
        return why_not(weights or sized(tiny), GPU)

    return ask


def test_nothing_speaks_against_a_gpu_of_now_with_triton_and_a_compiler(make: Callable[..., str]) -> None:
    assert make() == ""
    assert make(capability=(9, 0)) == ""


@pytest.mark.parametrize("programs", [("cc",), ("gcc",), ("clang",)])
def test_any_c_compiler_will_do(make: Callable[..., str], programs: tuple[str, ...]) -> None:
    assert make(programs=programs) == ""


def test_the_one_that_the_environment_names_will_do(make: Callable[..., str]) -> None:
    assert make(programs=("/opt/cc-12",), compiler="/opt/cc-12") == ""


def test_without_triton(make: Callable[..., str]) -> None:
    assert make(packages=()) == "the package triton is not installed"


def test_without_a_compiler(make: Callable[..., str]) -> None:
    assert make(programs=()) == "triton needs a C compiler (gcc or clang), and none is installed"
    assert "C compiler" in make(programs=(), compiler="/opt/cc-12")


@pytest.mark.parametrize("capability", [(7, 5), (6, 1)])
def test_an_older_gpu(make: Callable[..., str], capability: tuple[int, int]) -> None:
    assert make(capability=capability) == "Some GPU is older than compute capability 8.0"


def test_a_model_of_other_sizes(make: Callable[..., str], tiny: SpeechWeights) -> None:
    assert make(weights=tiny) == "the model has other sizes than XTTS v2"


@pytest.mark.parametrize(
    "sizes",
    [
        {"width": 768},
        {"width": 64, "heads": 4},
        {"heads": 12},
        {"width": 128, "heads": 16},
        {"channels": (64, 32, 16, 8)},
        {"channels": (192, 96, 48, 24)},
    ],
    ids=str,
)
def test_sizes_that_the_kernels_cannot_be_made_for(tiny: SpeechWeights, sizes: dict[str, int]) -> None:
    assert not fits(sized(tiny, **sizes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sizes", [{}, {"width": 128, "heads": 8}, {"channels": (128, 64, 32, 16)}, {"width": 2048, "heads": 32}], ids=str
)
def test_sizes_that_they_can_be_made_for(tiny: SpeechWeights, sizes: dict[str, int]) -> None:
    assert fits(sized(tiny, **sizes))  # type: ignore[arg-type]
