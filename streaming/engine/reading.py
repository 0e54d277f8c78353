"""Whose text the model reads in a round (a prefill, or a part of one), and beside whose steps."""

from collections.abc import Iterable, Sequence
from enum import Enum, auto

import torch
from torch import Tensor

from streaming.engine.gpt.gpt import Gpt
from streaming.engine.gpt.prefill import Prefill, shares
from streaming.engine.utterance import Utterance

# The most rows of texts that go with a step, whoever waits: a quarter of a second on two slow cores.
MOST_ROWS_BESIDE_A_STEP = 96
# A listener who has so much audio left does not notice a step that takes a quarter of a second longer, and is not about to
# run dry after it (scheduler.SCARCE_SECONDS).
AHEAD_SECONDS = 1.0


class Listeners(Enum):
    """How far those who speak are ahead of their listeners."""

    NONE = auto()  # nobody speaks
    UNHEARD = auto()  # nobody is heard yet
    AHEAD = auto()  # all have AHEAD_SECONDS or more to play
    CLOSE = auto()


def listeners_of(speaking: Sequence[Utterance], *, now: float) -> Listeners:
    requests = [utterance.scheduled for utterance in speaking]
    if not requests:
        return Listeners.NONE
    if all(request.first_audio_at is None for request in requests):
        return Listeners.UNHEARD
    return Listeners.AHEAD if all(request.lead(now) >= AHEAD_SECONDS for request in requests) else Listeners.CLOSE


def next_in_line(gpt: Gpt, waiting: Iterable[Utterance], listeners: Listeners) -> tuple[list[Utterance], int | None]:
    """Whose turn it is, first come, first served, and for how many rows (None: all). A GPU reads for all at once. A CPU
    reads one text while nobody speaks. Beside a step it reads

    - as much as doubles the step's time;
    - so much for each who waits, while nobody is heard: then all begin sooner, and go on in one batch;
    - as much as may go with a step at all, while nobody would notice."""
    line = [utterance for utterance in waiting if utterance.prefill]
    rows = gpt.rows_beside_a_step
    if rows is None:
        return line, None
    if listeners is Listeners.NONE:
        return line[:1], None
    if listeners is Listeners.UNHEARD:
        rows = max(rows, min(rows * len(line), MOST_ROWS_BESIDE_A_STEP))
    elif listeners is Listeners.AHEAD and line:
        rows = max(rows, MOST_ROWS_BESIDE_A_STEP)
    given = shares([utterance.prefill for utterance in line if utterance.prefill], rows)
    return line[: len(given)], rows


def read(
    gpt: Gpt, utterances: Sequence[Utterance], rows: int | None = None, ahead: Sequence[Prefill] = ()
) -> tuple[list[Utterance], Tensor, Tensor]:
    """One call for a step of those who speak, if any do, and for `rows` rows (None: all) of the texts of the others; beside
    a step also for what is read `ahead`. Returns whom it has given a latent (the others have still to wait), the latents
    and the scores."""
    speaking = [utterance for utterance in utterances if not utterance.prefill]
    prefills = [utterance.prefill for utterance in utterances if utterance.prefill]
    if speaking:
        slots, steps = [utterance.slot for utterance in speaking], [utterance.steps for utterance in speaking]
        tokens = torch.tensor([utterance.token for utterance in speaking])
        complete, latents, scores = gpt.step_and_advance(slots, tokens, steps, [*prefills, *ahead], rows)
    else:
        complete, latents, scores = gpt.advance(prefills)
    begun = [utterance for utterance in utterances if utterance.prefill in complete]
    for utterance in begun:
        utterance.prefill = None
    return speaking + begun, latents, scores


def read_ahead(gpt: Gpt, ahead: Sequence[Prefill]) -> None:
    """While nobody speaks. On a CPU a part, so that whoever comes next waits no longer than for a step."""
    if ahead:
        gpt.advance(ahead, gpt.rows_beside_a_step)
