"""The latents of a GPU's sequences, where the vocoder reads them: they do not come back to the host."""

import numpy as np
import torch
from torch import Tensor

from streaming.engine.gpu.transfer import send


class LatentStore:
    """For each slot the latents of two sequences: the vocoder may still be reading one when the next one begins."""

    def __init__(self, *, slots: int, steps: int, width: int, device: torch.device) -> None:
        self._slots, self._steps = slots, steps
        self.latents = torch.zeros((slots + 1) * 2 * steps, width, device=device)
        """(rows, width) float32; those of one sequence stand one after the other."""
        self._half = [0] * slots
        # Each slot's first row, for recorded work.
        self._firsts = torch.arange(slots + 1, device=device, dtype=torch.int64) * (2 * steps)

    def begin(self, slot: int) -> None:
        """A new sequence. Its latents do not overwrite those of the sequence before."""
        self._half[slot] = 1 - self._half[slot]
        send(np.array([self.first(slot)], np.int64), self._firsts[slot : slot + 1])

    def first(self, slot: int) -> int:
        """The row of the slot's first latent."""
        return (2 * slot + self._half[slot]) * self._steps

    def put(self, latents: Tensor, slots: Tensor, steps: Tensor) -> None:
        """One latent of each of `slots` (rows,), at its step. Can be recorded."""
        self.latents[self._firsts[slots] + steps] = latents
