from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from streaming.engine.checkpoint.coqui import XttsParts
    from streaming.engine.checkpoint.tensors import SpeechWeights

# `checkpoints` is imported where it is used: torch and coqui-tts take seconds that other tests need not wait.


@pytest.fixture(scope="session")
def tiny_parts(tiny_checkpoint: Path) -> "XttsParts":
    """The tiny checkpoint, loaded. Nobody may change it: take a deepcopy to do that."""
    from tests.process.engine.checkpoints import load

    return load(tiny_checkpoint)


@pytest.fixture(scope="session")
def tiny_weights(tiny_checkpoint: Path) -> "SpeechWeights":
    """What speaks of the tiny checkpoint, read without coqui-tts. Nobody may change it."""
    from streaming.engine.checkpoint.files import find_checkpoint
    from streaming.engine.checkpoint.tensors import read_speech_weights

    return read_speech_weights(find_checkpoint(None, tiny_checkpoint, None))


@pytest.fixture(scope="session")
def small_checkpoint() -> Path:
    """The folder of a checkpoint that has few narrow layers as well, but the vocoder of XTTS: for what depends on its width.
    Nobody may write into it."""
    from tests.process.engine.checkpoints import made_random

    return made_random("small")


@pytest.fixture(scope="session")
def small_parts(small_checkpoint: Path) -> "XttsParts":
    """The small checkpoint, loaded. Nobody may change it."""
    from tests.process.engine.checkpoints import load

    return load(small_checkpoint)


@pytest.fixture(scope="session")
def small_weights(small_checkpoint: Path) -> "SpeechWeights":
    """What speaks of the small checkpoint, read without coqui-tts. Nobody may change it."""
    from streaming.engine.checkpoint.files import find_checkpoint
    from streaming.engine.checkpoint.tensors import read_speech_weights

    return read_speech_weights(find_checkpoint(None, small_checkpoint, None))
