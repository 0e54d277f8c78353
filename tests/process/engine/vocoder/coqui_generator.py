"""Coqui's own generator and decoder: what the engine has to give the same as."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.conditioning import Conditioning
from streaming.engine.gpt.counter_noise import advanced, first_counter, log_exponential, token_steps
from streaming.engine.gpt.sampling import SamplingSettings


@contextmanager
def _drawing_as_the_engine(seed: int) -> Iterator[None]:
    """`torch.multinomial` takes one token of one row, with the noise of this seed."""
    counter = torch.tensor([[first_counter(seed)]])

    def draw(probabilities: Tensor, num_samples: int) -> Tensor:
        nonlocal counter
        assert probabilities.shape[0] == num_samples == 1
        race = probabilities.log() - log_exponential(counter, token_steps(probabilities.shape[1], probabilities.device))
        counter = advanced(counter)
        return race.argmax(1, keepdim=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "multinomial", draw)
        yield


@dataclass(frozen=True, slots=True)
class Spoken:
    """`tokens`, the last of them the stop token if it came to that, and a latent for each: (tokens, width)."""

    tokens: list[int]
    latents: Tensor


class CoquiGenerator:
    """The tiny checkpoint as coqui's `inference_stream` runs it, but for its draws, whose noise is the engine's."""

    def __init__(self, parts: XttsParts) -> None:
        # Hugging Face's part is built into the module.
        self._gpt: Any = copy.deepcopy(parts.model.gpt)
        self._gpt.init_gpt_for_inference()
        self._gpt.train(False)
        self._decoder: Any = parts.model.hifigan_decoder

    @torch.inference_mode()
    def speak(
        self, tokens: list[int], voice: Conditioning, seed: int, most: int, settings: SamplingSettings | None = None
    ) -> Spoken:
        """At most `most` audio tokens for the text's `tokens` (without start and stop)."""
        settings = settings or SamplingSettings()
        with _drawing_as_the_engine(seed):
            text = torch.tensor([tokens], dtype=torch.int)
            steps = self._gpt.get_generator(
                fake_inputs=self._gpt.compute_embeddings(voice.gpt[None], text),
                top_k=settings.top_k,
                top_p=settings.top_p,
                temperature=settings.temperature,
                repetition_penalty=settings.repetition_penalty,
                do_sample=True,
                num_beams=1,
                num_return_sequences=1,
                length_penalty=1.0,
                output_attentions=False,
                output_hidden_states=True,
                return_dict_in_generate=True,
            )
            pairs = [pair for _, pair in zip(range(most), steps, strict=False)]
        return Spoken([int(token) for token, _ in pairs], torch.cat([latent for _, latent in pairs]))

    @torch.inference_mode()
    def decode(self, latents: Tensor, voice: Conditioning) -> NDArray[np.float32]:
        """The whole utterance at once: (samples,)."""
        samples: Tensor = self._decoder(latents[None], g=voice.speaker.reshape(1, -1, 1))
        return samples.flatten().numpy()
