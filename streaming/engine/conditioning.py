"""A voice as the model knows it, and as bytes that can be stored and sent."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Positions of a sequence that stand for its voice.
CONDITIONING_LENGTH = 32
SPEAKER_WIDTH = 512

_HEADER = struct.Struct("<4sHHIII")
_MAGIC, _VERSION = b"XTTC", 1


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
                    "No voice can be made of these recordings: the model's result is not a number, or zero."
                )
        return cls(gpt.reshape(gpt.shape[-2:]).contiguous(), speaker.reshape(-1).contiguous())

    def to_bytes(self) -> bytes:
        """Little endian: magic, version, number and width of the latents, width of the embedding, CRC 32 of the rest;
        then latents and embedding as float32."""
        values = b"".join(tensor.numpy().astype("<f4").tobytes() for tensor in (self.gpt, self.speaker))
        return _HEADER.pack(_MAGIC, _VERSION, *self.gpt.shape, *self.speaker.shape, zlib.crc32(values)) + values

    @classmethod
    def from_bytes(cls, data: bytes) -> "Conditioning":
        """What `to_bytes` made. Raises ValueError for anything else."""
        if len(data) < _HEADER.size or data[: len(_MAGIC)] != _MAGIC:
            raise ValueError("This is not the stored conditioning of a voice.")
        _, version, latents, width, speaker, checksum = _HEADER.unpack_from(data)
        if version != _VERSION:
            raise ValueError(f"The conditioning of this voice is stored in version {version}; {_VERSION} is known.")
        values = data[_HEADER.size :]
        if len(values) != 4 * (latents * width + speaker) or zlib.crc32(values) != checksum:
            raise ValueError("The stored conditioning of this voice is damaged.")
        numbers = torch.from_numpy(np.frombuffer(values, "<f4").astype(np.float32))
        size = latents * width
        return cls.from_tensors(numbers[:size].reshape(1, latents, width), numbers[size:])
