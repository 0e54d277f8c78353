"""Our engine, with the length of each utterance set from outside and its latents kept where asked for.

Request ids are `NAME:TOKENS`: the utterance has so many audio tokens, whatever its text and whatever is sampled. Names that
begin with `keep` have their latents (tokens, width) written to NAME.npy.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import Sink, SpeechRequest
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.text.piece import TextPiece
from streaming.engine.text.tails import AS_COQUI
from streaming.engine.utterance import Utterance
from streaming.engine.xtts_loading import CheckpointPaths, load_model
from streaming.engine.xtts_model import ComputeOptions, FrontEnd, Model


class FixedLength:
    """A front end that makes one piece of a text, of `audio_tokens` if these are set, with the tokens of coqui's."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self.warm_up = front_end.warm_up
        self.audio_tokens: int | None = None

    def pieces(self, text: str, language: str, *, apply_text_normalization: bool = True) -> Iterator[TextPiece]:
        for piece in self._front_end.pieces(text, language, apply_text_normalization=False):
            if self.audio_tokens is None:
                yield piece
            elif piece.text_end != len(text):
                raise ValueError("The text is too long to be spoken at once.")
            else:
                yield replace(piece, most_audio_tokens=self.audio_tokens)

    def settled_tokens(self, text: str, language: str, *, apply_text_normalization: bool = True) -> list[int]:
        return self._front_end.settled_tokens(text, language, apply_text_normalization=False)


class MeasuredEngine(SteppedEngine):
    """`folder`: where latents are written."""

    def __init__(self, *, folder: str, checkpoint_path: str, **options: Any) -> None:
        # On a CPU, whose engine is stepped.
        model = cast(Model, load_model(CheckpointPaths(checkpoint_path), ComputeOptions(**options), AS_COQUI))
        self._front_end = FixedLength(model.front_end)
        super().__init__(replace(model, front_end=self._front_end))
        # It would warn of every utterance that is ended by its length.
        logging.getLogger("streaming.engine.xtts").setLevel(logging.ERROR)
        self._folder = Path(folder)
        self._latents: dict[str, list[Tensor]] = {}

    def _add(self, request: SpeechRequest, sink: Sink, voice: tuple[Conditioning, str] | None = None) -> None:
        name, _, tokens = request.request_id.partition(":")
        self._front_end.audio_tokens = int(tokens) if tokens else None
        if name.startswith("keep"):
            self._latents[request.request_id] = []
        super()._add(request, sink, voice)

    def _sample(self, utterances: Sequence[Utterance], latents: Tensor, logits: Tensor) -> None:
        logits[:, self._model.weights.stop_audio] = -torch.inf
        for row, utterance in enumerate(utterances):
            if (kept := self._latents.get(utterance.request.request_id)) is not None:
                kept.append(latents[row].float().cpu().clone())
        super()._sample(utterances, latents, logits)

    def _end(self, utterance: Utterance, say: Callable[[Utterance], None]) -> None:
        request_id = utterance.request.request_id
        if kept := self._latents.pop(request_id, None):
            np.save(self._folder / f"{request_id.partition(':')[0]}.npy", torch.stack(kept).numpy())
        super()._end(utterance, say)
