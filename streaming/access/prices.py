"""What is counted against quotas, in characters."""

import math

# Speech at an ordinary pace. docs/keys.md, How limits count.
CHARACTERS_PER_SECOND = 15
# Rounding, not audio.
TOLERANCE = 1e-6


def cost_of(characters: int, pause: float = 0.0) -> int:
    """Of a text and `pause` seconds of silence after it, which cost as much as text that takes as long to say."""
    return characters + math.ceil(pause * CHARACTERS_PER_SECOND - TOLERANCE)
