"""When an utterance's next chunk is due, in latents (46 ms of audio each)."""

from dataclasses import dataclass

# The first chunk comes after four latents, with two of them held back instead of the three and a half that the vocoder needs
# to be exact: 93 ms of audio, the last of it 66 dB close to exact.
FIRST_LOOK_AHEAD = 2.0
# Fewer latents than this and the first chunk would be empty.
LEAST_FIRST = 3
# While a listener is about to run dry. Smaller ones would cost more than they bring.
LEAST_BY_LEAD = 3
# From small chunks, which come soon, to large ones, which cost less: see benchmarks/chunk_plans.py.
STEPS = (4, 4, 4, 5, 6, 8, 10)
# Of a listener's lead, what may pass before the next chunk is there. The rest is for what nobody foresees.
_SHARE_OF_LEAD = 0.7


@dataclass(slots=True)
class ChunkPlan:
    """`size`: the most latents of a chunk.

    The first chunk is small, so that speech begins early. Then chunks grow: in `STEPS`, which are the same for everybody,
    so that an utterance is cut alike whoever speaks beside it; or `by_lead`, where cuts do not change a bit of the audio:
    as large as the listener's lead allows.
    """

    size: int
    by_lead: bool = False
    given: int = 0
    _allowed: int = 1

    @property
    def latents(self) -> int:
        """How many new latents the next chunk waits for."""
        if self.given == 0:
            return max(LEAST_FIRST, min(self.size, STEPS[0]))
        if self.by_lead:
            return max(1, min(self.size, max(self._allowed, LEAST_BY_LEAD)))
        return max(1, min(self.size, STEPS[self.given] if self.given < len(STEPS) else self.size))

    @property
    def look_ahead(self) -> float | None:
        """What the vocoder holds back for the next chunk; None: as much as it needs."""
        return FIRST_LOOK_AHEAD if self.given == 0 else None

    def allow(self, *, lead: float, step: float, decode: float) -> None:
        """What the next chunk's size may follow from: `lead`, the audio that is left to the listener now, `step`, what a
        latent
        takes, and `decode`, what a decode takes; in seconds."""
        self._allowed = int((_SHARE_OF_LEAD * lead - decode) / step) if step > 0 else self.size
