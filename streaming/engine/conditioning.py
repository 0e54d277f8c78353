"""A voice as the model knows it, and as bytes that can be stored and sent."""

from dataclasses import dataclass

import torch
from torch import Tensor

# Positions of a sequence that stand for its voice.
CONDITIONING_LENGTH = 32
SPEAKER_WIDTH = 512
# Part of the fingerprint of an engine: with another format, what is stored is not found, and made anew.
FORMAT = "safetensors 1"

# Type and number of dimensions.
_KINDS = {"gpt": (torch.float32, 2), "speaker": (torch.float32, 1)}


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """A voice as the model knows it: `gpt`, the conditioning latents (32, d), and `speaker`, the embedding (512,) for
    the vocoder. float32, on the CPU."""

    gpt: Tensor
    speaker: Tensor

    @classmethod
    def from_tensors(cls, gpt_cond_latent: Tensor, speaker_embedding: Tensor) -> "Conditioning":
        """From coqui's shapes, (1, 32, d) and (1, 512, 1). Raises ValueError if they hold no voice."""
        gpt, speaker = (tensor.detach().float().cpu() for tensor in (gpt_cond_latent, speaker_embedding))
        for tensor in (gpt, speaker):
            if not tensor.isfinite().all() or not tensor.any():
                raise ValueError(
                    "No voice can be computed from these recordings: the result of the model is zero or not a number."
                )
        return cls(gpt.reshape(gpt.shape[-2:]).contiguous(), speaker.reshape(-1).contiguous())

    def to_bytes(self) -> bytes:
        """A safetensors file of the two tensors."""
        # Here: where nobody's voice is stored, on a machine that is measured, say, the package need not be.
        from safetensors.torch import save

        return save({"gpt": self.gpt, "speaker": self.speaker})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Conditioning":
        """What `to_bytes` made. Raises ValueError for anything else: other names, types or dimensions, another length than
        these give, values that are not finite. A value that has become another one is not noticed."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            tensors = load(data)
        except (SafetensorError, KeyError):  # KeyError for a type that torch does not have
            raise ValueError("This is not the stored conditioning of a voice.") from None
        if {name: (tensor.dtype, tensor.dim()) for name, tensor in tensors.items()} != _KINDS:
            raise ValueError("This is not the stored conditioning of a voice: other tensors are in it.")
        if not all(tensor.isfinite().all() for tensor in tensors.values()):
            raise ValueError("The stored conditioning of this voice is damaged.")
        return cls.from_tensors(tensors["gpt"], tensors["speaker"])
