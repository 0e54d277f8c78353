"""Whose text the model reads in a round (a prefill, or a part of one), and beside whose steps."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from streaming.engine.gpt.gpt import Gpt
from streaming.engine.gpt.prefill import Prefill, shares
from streaming.engine.utterance import Utterance


def next_in_line(gpt: Gpt, waiting: Iterable[Utterance], *, somebody_speaks: bool) -> list[Utterance]:
    """Whose turn it is, first come, first served. A GPU reads for all at once. A CPU reads no more than a step of those who
    speak bears, and while nobody speaks one text."""
    line = [utterance for utterance in waiting if utterance.prefill]
    if gpt.rows_beside_a_step is None:
        return line
    if not somebody_speaks:
        return line[:1]
    given = shares([utterance.prefill for utterance in line if utterance.prefill], gpt.rows_beside_a_step)
    return line[: len(given)]


def read(
    gpt: Gpt, utterances: Sequence[Utterance], ahead: Sequence[Prefill] = ()
) -> tuple[list[Utterance], Tensor, Tensor]:
    """One call for a step of those who speak, if any do, and for the texts of the others; beside a step also for what is
    read `ahead`. Returns whom it has given a latent (the others have still to wait), the latents and the scores."""
    speaking = [utterance for utterance in utterances if not utterance.prefill]
    prefills = [utterance.prefill for utterance in utterances if utterance.prefill]
    if speaking:
        slots, steps = [utterance.slot for utterance in speaking], [utterance.steps for utterance in speaking]
        tokens = torch.tensor([utterance.token for utterance in speaking])
        complete, latents, scores = gpt.step_and_advance(
            slots, tokens, steps, [*prefills, *ahead], gpt.rows_beside_a_step
        )
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
