"""Which engine the settings ask for, and what its processes are started with."""

from dataclasses import fields

from streaming.conf import Config
from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.packages import require_packages
from streaming.engine.checkpoint.config import Overrides
from streaming.engine.checkpoint.files import find_checkpoint
from streaming.engine.demo.voice_files import VoiceError, read_description

# The embedded voice takes a core for each utterance.
DEMO_CONCURRENCY = 2


def engine_specs(config: Config) -> tuple[list[EngineSpec], str]:
    """A spec for every process (one per device), and the reason for this engine, for the log.

    Raises CheckpointError if the settings name a checkpoint that cannot be used, VoiceError for a voice that cannot,
    MissingPackages if what the engine needs is not installed. Loads nothing.
    """
    model = config.model
    if model.checkpoint_path is None or model.engine == "demo":
        require_packages("demo")
        reason = "model.engine is demo" if model.engine == "demo" else "model.checkpoint_path is not set"
        return [_demo(config)], reason
    find_checkpoint(model.config_path, model.checkpoint_path, model.tokenizer_path)
    require_packages("xtts")
    return [_xtts(config, device) for device in model.device], f"model.checkpoint_path names {model.checkpoint_path}"


def _demo(config: Config) -> EngineSpec:
    voices = config.model.demo_voices
    for path in voices.values():
        try:
            read_description(path)
        except VoiceError as error:
            raise VoiceError(f"model.demo_voices: {error}") from None
    options = {
        "threads": config.service.max_concurrency or DEMO_CONCURRENCY,
        "voices": {language: str(path) for language, path in voices.items()},
        "language": config.model.language,
    }
    return EngineSpec("demo", options)


def _xtts(config: Config, device: str) -> EngineSpec:
    model = config.model
    options = {
        "config_path": str(model.config_path) if model.config_path else None,
        "checkpoint_path": str(model.checkpoint_path),
        "tokenizer_path": str(model.tokenizer_path) if model.tokenizer_path else None,
        "device": device,
        "precision": model.precision,
        "threads": model.threads,
        "slots": config.service.max_concurrency,
        "voice_cache_bytes": model.voice_cache_megabytes * 2**20,
        "compiled_kernels": model.compiled_kernels,
        "tails": config.tails.model_dump(mode="json"),
        "overrides": {field.name: getattr(model, field.name) for field in fields(Overrides)},
    }
    return EngineSpec("xtts", options)
