"""The conditioning of a voice as bytes."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save

from streaming.engine.conditioning import Conditioning


@pytest.fixture
def voice() -> Conditioning:
    random = torch.Generator().manual_seed(0)
    return Conditioning(torch.randn(32, 64, generator=random), torch.randn(512, generator=random))


def test_bytes_give_back_the_same_numbers(voice: Conditioning) -> None:
    again = Conditioning.from_bytes(voice.to_bytes())
    assert np.array_equal(again.gpt, voice.gpt)
    assert np.array_equal(again.speaker, voice.speaker)
    assert len(voice.to_bytes()) < 200 + 4 * (voice.gpt.numel() + voice.speaker.numel())


def test_bytes_that_were_not_made_here_are_refused(voice: Conditioning) -> None:
    data = voice.to_bytes()
    unknown, short = data.replace(b'"F32"', b'"F4" ', 1), data.replace(b"[32,", b"[31,", 1)
    assert unknown != data != short
    for wrong in (b"", b"XTTC", b"x" * len(data), data[:-1], data + b"x", data[:8], unknown, short):
        with pytest.raises(ValueError, match="not the stored conditioning"):
            Conditioning.from_bytes(wrong)


def test_no_bit_of_the_header_can_be_another(voice: Conditioning) -> None:
    data = voice.to_bytes()
    for index in range(8 + int.from_bytes(data[:8], "little")):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[index] ^= 1 << bit
            with pytest.raises(ValueError, match="conditioning"):
                Conditioning.from_bytes(bytes(flipped))


def test_other_tensors_are_no_voice(voice: Conditioning) -> None:
    tensors = {"gpt": voice.gpt, "speaker": voice.speaker}
    others = [
        {"gpt": voice.gpt},
        {**tensors, "third": voice.speaker.clone()},
        {**tensors, "gpt": voice.gpt.half()},
        {**tensors, "gpt": voice.gpt[0].clone()},
    ]
    for other in others:
        with pytest.raises(ValueError, match="other tensors are in it"):
            Conditioning.from_bytes(save(other))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_damaged(voice: Conditioning, value: float) -> None:
    speaker = voice.speaker.clone()
    speaker[-1] = value
    with pytest.raises(ValueError, match="damaged"):
        Conditioning.from_bytes(save({"gpt": voice.gpt, "speaker": speaker}))
