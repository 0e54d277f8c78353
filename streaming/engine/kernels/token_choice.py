"""From scores to tokens: repetition penalty, temperature, top-k, top-p and one draw, row by row.

Floats are computed as written, and so as PyTorch computes them in `streaming/engine/gpt/sampling.py`, which says what each
step is for. In PyTorch a row goes through some thirty operations, each of which costs more than its arithmetic. Noise is
computed only for tokens that are left in.
"""

import math

import numpy as np
from numpy.typing import NDArray

from streaming.engine.kernels.compiled import compiled
from streaming.engine.kernels.splitmix import DIGITS, MULTIPLIERS, PER_DRAW, PER_TOKEN, SHIFTS

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

_PER_TOKEN = np.uint64(PER_TOKEN)
_PER_DRAW = np.int64(PER_DRAW - 2**64)
_MULTIPLIERS = tuple(np.uint64(number) for number in MULTIPLIERS)
_SHIFTS = tuple(np.uint64(number) for number in SHIFTS)
_DROPPED_BITS = np.uint64(64 - DIGITS)
_LEAST_DIGIT = 2.0**-DIGITS
# More of the best than this are found by sorting all.
_FEW = 128


@compiled
def _log_exponential(counter: int, token: int) -> float:
    """The logarithm of exponential noise: see `streaming.engine.gpt.counter_noise.log_exponential`."""
    bits = np.uint64(counter) + np.uint64(token) * _PER_TOKEN
    bits = (bits ^ (bits >> _SHIFTS[0])) * _MULTIPLIERS[0]
    bits = (bits ^ (bits >> _SHIFTS[1])) * _MULTIPLIERS[1]
    bits = (bits ^ (bits >> _SHIFTS[2])) >> _DROPPED_BITS
    return math.log(-math.log((np.float64(bits) + 0.5) * _LEAST_DIGIT))


@compiled
def _score(logits: Floats, seen: Bools, temperature: float, penalty: float, scores: Floats) -> bool:
    """`scores`: the penalised logits over the temperature. Returns whether all are numbers or minus infinity."""
    are_numbers = True
    for token in range(logits.shape[0]):
        value = logits[token]
        are_numbers &= value < np.float32(np.inf)
        penalised = value * penalty if value < np.float32(0.0) else value / penalty
        scores[token] = (penalised if seen[token] else value) / temperature
    return are_numbers


@compiled
def _best(scores: Floats, count: int, best: Floats) -> None:
    """The `count` largest scores, in descending order."""
    if count > _FEW:
        best[:count] = np.sort(scores)[::-1][:count]
        return
    best[:count] = np.float32(-np.inf)
    for token in range(scores.shape[0]):
        score = scores[token]
        if score > best[count - 1]:
            place = count - 1
            while place > 0 and best[place - 1] < score:
                best[place] = best[place - 1]
                place -= 1
            best[place] = score


@compiled
def _least(best: Floats, count: int, top_p: float) -> float:
    """Of the `count` best scores, the least that top-p leaves in."""
    total = np.int64(0)
    for rank in range(count):
        total += _mass(best, rank)
    enough = top_p * np.float32(total)
    before, rank = _mass(best, 0), 1
    while rank < count and np.float32(before) < enough:
        before += _mass(best, rank)
        rank += 1
    return best[rank - 1]


@compiled
def _mass(best: Floats, rank: int) -> int:
    """A token's weight as a whole number."""
    return np.int64(np.exp(best[rank] - best[0]) * np.float32(2.0**40))


@compiled
def _draw(scores: Floats, least: float, counter: int) -> int:
    """The token whose score wins over its noise."""
    drawn, furthest = 0, -np.inf
    for token in range(scores.shape[0]):
        if scores[token] >= least:
            race = np.float64(scores[token]) - _log_exponential(counter, token)
            if race > furthest:
                drawn, furthest = token, race
    return drawn


@compiled
def choose_tokens(
    logits: Floats, slots: Longs, seen: Bools, scales: Floats, counts: Longs, no_token: int, tokens: Longs
) -> None:
    """tokens (rows,) for logits (rows, vocabulary), row r of slot slots[r]. The slots' states, as `Sampler` keeps them: seen
    (slots, vocabulary); scales (slots, 3): temperature, penalty, top-p; counts (slots, 2): top-k and the counter of the
    noise. Both states go on. A row with NaN or infinity in it gets `no_token`."""
    scores, best = np.empty(logits.shape[1], np.float32), np.empty(logits.shape[1], np.float32)
    for row in range(logits.shape[0]):
        slot = slots[row]
        if not _score(logits[row], seen[slot], scales[slot, 0], scales[slot, 1], scores):
            tokens[row] = no_token
            continue
        count = counts[slot, 0]
        _best(scores, count, best)
        token = _draw(scores, _least(best, count, scales[slot, 2]), counts[slot, 1])
        tokens[row] = token
        seen[slot, token] = True
        counts[slot, 1] += _PER_DRAW
