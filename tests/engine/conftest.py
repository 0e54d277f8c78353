from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from streaming.engine.checkpoint import XttsParts

# tests.engine.checkpoints is imported where it is used: torch and coqui-tts take seconds that other tests need not wait.


@pytest.fixture(scope="session")
def tiny_parts(tiny_checkpoint: Path) -> "XttsParts":
    """The tiny checkpoint, loaded. Nobody may change it: take a deepcopy to do that."""
    from tests.engine.checkpoints import load

    return load(tiny_checkpoint)
