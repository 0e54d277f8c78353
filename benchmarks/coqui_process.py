"""coqui-tts's own `inference_stream` in a process of its own: `python -m benchmarks.coqui_process OPTIONS`.

OPTIONS is JSON: checkpoint, device, threads. It reads one command (JSON) per line and writes one answer per line:

{"do": "stream", "text", "tokens", "chunk", "overlap", "seed", "keep"}
        speaks `tokens` audio tokens; answers {"chunks": [[seconds since the command, samples], ...]}. With `keep`, a path
        without its ending, latents and samples are written beside each other for a later comparison.
{"do": "compare", "latents", "samples", "skip"}
        samples (n,) against coqui's decode of all latents (tokens, width) at once, from sample `skip` on.

The model is used as coqui-tts uses it, with weight norm folded into the weights, which is to its advantage. Times are taken
here, before the answer goes through a pipe.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from streaming.engine.checkpoint.coqui import load_checkpoint
from streaming.engine.checkpoint.files import find_checkpoint

# Added to the score of the stop token: an utterance is ended by its length alone.
NEVER = -1e9


class Stock:
    def __init__(self, checkpoint: str, device: str, threads: int) -> None:
        torch.set_num_threads(threads)
        parts = load_checkpoint(find_checkpoint(None, Path(checkpoint), None))
        self._model = model = parts.model
        model.gpt.init_gpt_for_inference(kv_cache=model.args.kv_cache)
        model.gpt.eval()
        model.gpt.mel_head.bias[model.gpt.stop_audio_token] = NEVER
        model.to(device)
        self.speakers = list(parts.speakers)
        self._voices = parts.speakers
        self._tokens = 0
        self._latents: list[torch.Tensor] = []
        self._generate = model.gpt.get_generator
        model.gpt.get_generator = self._generate_so_many

    def _generate_so_many(self, *arguments: Any, **options: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        self._latents = []
        for token, latent in islice(self._generate(*arguments, **options), self._tokens):
            self._latents.append(latent)
            yield token, latent

    def stream(
        self, *, text: str, tokens: int, chunk: int, overlap: int, seed: int, keep: str | None = None
    ) -> dict[str, Any]:
        torch.manual_seed(seed)
        self._tokens = tokens
        conditioning, speaker = self._voices[self.speakers[0]]
        begun = time.perf_counter()
        times, pieces = [], []
        for piece in self._model.inference_stream(
            text, "en", conditioning, speaker, stream_chunk_size=chunk, overlap_wav_len=overlap
        ):
            pieces.append(piece.cpu().numpy())
            times.append(time.perf_counter() - begun)
        if len(self._latents) != tokens:
            raise RuntimeError(f"coqui-tts made {len(self._latents)} audio tokens instead of {tokens}.")
        if keep:
            np.save(f"{keep}.npy", torch.cat(self._latents).cpu().numpy())
            np.save(f"{keep}.samples.npy", np.concatenate(pieces))
        return {"chunks": [(at, len(piece)) for at, piece in zip(times, pieces, strict=True)]}

    @torch.inference_mode()
    def compare(self, *, latents: str, samples: str, skip: int = 0) -> dict[str, Any]:
        speaker = self._voices[self.speakers[0]][1].to(self._model.device)
        frames = torch.from_numpy(np.load(latents)).to(self._model.device)[None]
        offline = self._model.hifigan_decoder(frames, g=speaker).flatten().cpu().numpy()
        streamed = np.load(samples)
        if not np.isfinite(streamed).all():
            raise RuntimeError(f"{samples} holds samples that are no numbers.")
        length = min(len(offline), len(streamed))
        wanted = offline[skip:length].astype(np.float64)
        error = streamed[skip:length] - wanted
        power = float(np.square(error).sum())
        return {
            "max_abs": float(np.abs(error).max()),
            "snr_db": float(10 * np.log10(np.square(wanted).sum() / power)) if power else None,
            "samples_lost": len(offline) - len(streamed),
        }


def main() -> None:
    # Whatever else prints, prints to stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    stock = Stock(**json.loads(sys.argv[1]))
    print(json.dumps({"speaker": stock.speakers[0]}), file=answers)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(getattr(stock, command.pop("do"))(**command)), file=answers)


if __name__ == "__main__":
    main()
