"""When an utterance's next chunk is due, in latents (46 ms of audio each)."""

from dataclasses import dataclass

# The first chunk comes after four latents, with two of them held back instead of the three and a half that the vocoder needs
# to be exact: 93 ms of audio, the last of it 66 dB close to exact.
FIRST_LATENTS = 4
FIRST_LOOK_AHEAD = 2.0
SECOND_LATENTS = 5
# Fewer latents than this and the first chunk would be empty.
LEAST_FIRST = 3


@dataclass(slots=True)
class ChunkPlan:
    """The first chunk of an utterance is small, so that speech begins early, the second grows, the others have `size`."""

    size: int
    given: int = 0

    @property
    def latents(self) -> int:
        """How many new latents the next chunk waits for."""
        if self.given == 0:
            return max(LEAST_FIRST, min(self.size, FIRST_LATENTS))
        if self.given == 1:
            return max(1, min(self.size, SECOND_LATENTS))
        return max(1, self.size)

    @property
    def look_ahead(self) -> float | None:
        """What the vocoder holds back for the next chunk; None: as much as it needs."""
        return FIRST_LOOK_AHEAD if self.given == 0 else None
