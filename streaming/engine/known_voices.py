"""Which voice of a model a request means."""

import hashlib
from collections.abc import Mapping

from torch import Tensor

from streaming.engine.conditioning import CONDITIONING_LENGTH, SPEAKER_WIDTH, Conditioning
from streaming.engine.contract import VoiceRef


def find_voice(voice: VoiceRef, speakers: Mapping[str, tuple[Tensor, Tensor]], width: int) -> tuple[Conditioning, str]:
    """The voice for a model of that `width`, and a key that stands for it. `speakers`: the model's own ones. Raises
    ValueError."""
    if voice.conditioning:
        key = hashlib.blake2b(voice.conditioning, digest_size=16).hexdigest()
        return _fitting(Conditioning.from_bytes(voice.conditioning), width), key
    for name, tensors in speakers.items():
        if name.casefold() == voice.speaker.casefold():
            return _fitting(Conditioning.from_tensors(*tensors), width), f"speaker {name}"
    raise ValueError(
        f"The voice {voice.speaker!r} has no recordings, and the model has no built-in speaker of that name. "
        "Upload a recording of the voice in the admin."
    )


def _fitting(conditioning: Conditioning, width: int) -> Conditioning:
    """Checks the shapes, which compiled code does not check. Raises ValueError."""
    wanted = (CONDITIONING_LENGTH, width)
    if tuple(conditioning.gpt.shape) != wanted or tuple(conditioning.speaker.shape) != (SPEAKER_WIDTH,):
        raise ValueError("The voice was prepared for another model.")
    return conditioning
