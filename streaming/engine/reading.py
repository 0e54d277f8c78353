"""Whose text the model reads in a round (a prefill, or a part of one), and beside whose steps."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from streaming.engine.gpt.gpt import Gpt
from streaming.engine.gpt.prefill import Prefill, shares
from streaming.engine.utterance import Utterance

# The most rows of texts that go with a step, whoever waits: a quarter of a second on two cores.
MOST_ROWS_BESIDE_A_STEP = 96


def next_in_line(
    gpt: Gpt, waiting: Iterable[Utterance], *, somebody_speaks: bool, can_wait: bool = False
) -> tuple[list[Utterance], int | None]:
    """Whose turn it is, first come, first served, and for how many rows (None: all). A GPU reads for all at once. A CPU
    reads while nobody speaks one text; beside a step as much as doubles its time, and for each who waits so much if those
    who speak `can_wait`, because nobody hears them yet: then all begin sooner, and go on in one batch."""
    line = [utterance for utterance in waiting if utterance.prefill]
    rows = gpt.rows_beside_a_step
    if rows is None:
        return line, None
    if not somebody_speaks:
        return line[:1], None
    if can_wait:
        rows = max(rows, min(rows * len(line), MOST_ROWS_BESIDE_A_STEP))
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
