"""What the tests of the vocoder compare with, and what they feed it."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from streaming.engine.kernels.crew import Crew

Floats = NDArray[np.float32]


class TwoThreads(Crew):
    """A crew of two whose second thread is awaited as well: what it works on may be forgotten then."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.threads = 2

    def run(self, function: Callable[[int], None]) -> None:
        other = threading.Thread(target=function, args=(1,))
        other.start()
        function(0)
        other.join()


def random_latents(count: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def random_speaker(seed: int = 0) -> Tensor:
    return torch.nn.functional.normalize(random_latents(1, 512, seed))[0]


def offline_frames(decoder: Any, latents: Tensor, speed: float = 1.0) -> Tensor:
    """What coqui's decoder makes of latents (n, width) before its network: (1, width, frames)."""
    frames = latents.T[None]
    scales = [1.0 / speed, decoder.ar_mel_length_compression / decoder.output_hop_length]
    scales.append(decoder.output_sample_rate / decoder.input_sample_rate)
    for scale in scales:
        if scale != 1.0:
            frames = functional.interpolate(frames, scale_factor=scale, mode="linear")
    return frames


@torch.inference_mode()
def offline(decoder: Any, latents: Tensor, speaker: Tensor, speed: float = 1.0) -> Floats:
    """coqui's decode of a whole utterance: latents (n, width) to samples."""
    stretched = latents.T[None]
    if speed != 1.0:
        stretched = functional.interpolate(stretched, scale_factor=1.0 / max(speed, 0.05), mode="linear")
    samples: Floats = decoder(stretched.transpose(1, 2), g=speaker[None, :, None]).squeeze().numpy()
    return samples
