"""The sampler on a CPU, in one compiled call."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from streaming.engine.gpt.sampling import NO_TOKEN, Sampler, SamplingSettings
from streaming.engine.kernels.token_choice import choose_tokens


class CompiledSampler(Sampler):
    """Draws what `Sampler` draws. One logarithm differs from PyTorch's in its last bit at most."""

    def __init__(self, settings: SamplingSettings, *, slots: int, vocabulary: int) -> None:
        super().__init__(settings, slots=slots, vocabulary=vocabulary, device=torch.device("cpu"))
        self._states = self._seen.numpy(), self._scales.numpy(), self._counts.numpy()

    def sample_slots(self, logits: Tensor, slots: Sequence[int]) -> Tensor:
        tokens = np.empty(len(slots), np.int64)
        choose_tokens(logits.numpy(), np.asarray(slots, np.int64), *self._states, NO_TOKEN, tokens)
        return torch.from_numpy(tokens)
