"""What speaks on a GPU that runs our kernels."""

from dataclasses import dataclass

from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.devices import DTYPES, vocoder_dtype
from streaming.engine.gpt.cuda_graphs import Capture
from streaming.engine.gpt.gpt import positions_needed
from streaming.engine.gpt.sampling import Sampler, SamplingSettings
from streaming.engine.gpu.decoder import Decoder
from streaming.engine.gpu.latent_store import LatentStore
from streaming.engine.gpu.layers import Layers
from streaming.engine.gpu.vocoder import GpuVocoder
from streaming.engine.xtts_model import SharedModel, shared_fields


@dataclass(frozen=True, slots=True)
class CapturedModel(SharedModel):
    """For `streaming.engine.gpu.engine.CapturedEngine`."""

    store: LatentStore
    decoder: Decoder
    vocoder: GpuVocoder

    def warm_up(self) -> None:
        self.decoder.warm_up()
        self.vocoder.warm_up()

    def stop(self) -> None:
        self.decoder.stop()
        self.vocoder.stop()


def make_captured_model(
    shared: SharedModel,
    weights: SpeechWeights,
    sampling: SamplingSettings,
    capture_steps: Capture,
    capture_windows: Capture,
    voice_cache_bytes: int,
) -> CapturedModel:
    """The vocoder's calls run beside the decoder's, so these need captures that share no memory."""
    gpt, device, slots = weights.gpt, shared.device, shared.slots
    # A sequence's steps, and one that had begun when the last token came.
    store = LatentStore(slots=slots, steps=len(gpt.audio_positions) + 1, width=gpt.width, device=device)
    layers = Layers(gpt, slots=slots, positions=positions_needed(gpt), device=device, dtype=DTYPES[shared.precision])
    sampler = Sampler(sampling, slots=slots, vocabulary=len(gpt.audio_head.bias), device=device)
    decoder = Decoder(
        shared.weights, layers, sampler, store, device, capture_steps, slots=slots, voice_cache_bytes=voice_cache_bytes
    )
    vocoder = GpuVocoder(weights.vocoder, store, device, vocoder_dtype(shared.precision), capture_windows, slots=slots)
    return CapturedModel(**shared_fields(shared), store=store, decoder=decoder, vocoder=vocoder)
