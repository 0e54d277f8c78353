"""Whether a GPU can run our kernels."""

import os
import shutil
from importlib.util import find_spec

import torch

from streaming.engine.checkpoint.tensors import SpeechWeights

# Ampere and later: their tensor cores, and copies that go on beside the arithmetic.
_LEAST_CAPABILITY = (8, 0)
# What tensor cores multiply at the least: of a head and of a layer of the vocoder, and of the transformer's width.
_FEWEST = 16
_FEWEST_CHANNELS = 128


def why_not(weights: SpeechWeights, device: torch.device) -> str:
    """Nothing if it can; otherwise a clause that says why not."""
    if not find_spec("triton"):
        return "the package triton is not installed"
    if not _has_compiler():
        return "triton needs a C compiler (gcc or clang), and none is installed"
    if torch.cuda.get_device_capability(device) < _LEAST_CAPABILITY:
        return f"{torch.cuda.get_device_name(device)} is older than compute capability 8.0"
    return "" if fits(weights) else "the model has other sizes than XTTS v2"


def fits(weights: SpeechWeights) -> bool:
    """Whether the kernels can be made for these sizes: their tiles are powers of two."""
    width, heads, vocoder = weights.gpt.width, weights.gpt.heads, weights.vocoder
    channels = [len(stage.upsampling.weight) // stage.upsampling.factor for stage in vocoder.stages]
    sizes = [width, heads, len(vocoder.first.weight), *channels]
    if any(size & (size - 1) for size in sizes):
        return False
    return width >= _FEWEST_CHANNELS and width // heads >= _FEWEST and min(channels) >= _FEWEST


def _has_compiler() -> bool:
    return any(map(shutil.which, [os.environ.get("CC", "cc"), "gcc", "clang"]))
