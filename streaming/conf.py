"""The settings of speaking: `settings.XTTS`, each key with its type, range and default. `config.example.yaml` says what they
mean.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from voices.conf import SETTING, Seconds, Section, VoicesConfig, base_dir, read_section, xtts_settings


def _absolute(path: Path, info: ValidationInfo) -> Path:
    """Relative paths start from the folder of the project or of its settings file, not from where the server was started."""
    folder: Path = (info.context or {}).get("base_dir") or base_dir()
    try:
        return (folder / path.expanduser()).resolve()
    except RuntimeError:  # "~nobody" is no user's home
        raise ValueError("the home directory does not exist") from None


def check_redis_url(url: str) -> str:
    from redis.asyncio.connection import parse_url

    try:
        parse_url(url)
    except ValueError:
        raise ValueError("a Redis URL looks like redis://user:password@host:6379/0") from None
    return url


def _devices(value: Any) -> tuple[str, ...]:
    """`auto`, `cpu`, `cuda`, one GPU by number, or several: a list, or one text with commas."""
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(
        isinstance(name, str) and _DEVICE.fullmatch(name) for name in names
    ):
        raise ValueError("a device is auto, cpu, cuda or a GPU such as cuda:0; several GPUs are a list")
    if not names or (len(names) > 1 and not all(":" in name for name in names)):
        raise ValueError("several devices must be GPUs with numbers, such as cuda:0 and cuda:1")
    if len(set(names)) < len(names):
        raise ValueError("each GPU can be named only once")
    return tuple(names)


def _unless_auto(value: Any) -> Any:
    """`auto` is None: decided where it is known what there is."""
    return None if value == "auto" else value


def _unless_off(value: Any) -> Any:
    """`off`, which YAML reads as false."""
    return None if value is False or value == "off" else value


# Language, and region if it matters: ru, pt-BR, zh_CN.
LanguageTag = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
ConfigPath = Annotated[Path, AfterValidator(_absolute)]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]
Count = Annotated[int, Field(strict=True, ge=1)]
ReferenceSeconds = Annotated[int, Field(strict=True, ge=1, le=600)]
Devices = Annotated[tuple[str, ...], BeforeValidator(_devices)]
CountOrAuto = Annotated[Count | None, BeforeValidator(_unless_auto)]


class ServiceConfig(Section):
    data_dir: ConfigPath = Path("var")
    allowed_origins: tuple[str, ...] = ()
    max_concurrency: CountOrAuto = None
    max_waiting: Annotated[int, Field(strict=True, ge=0)] = 64
    max_load: Annotated[float | None, Field(ge=0.1, le=1), BeforeValidator(_unless_off)] = 0.9
    max_connections: Count = 512
    max_upload_megabytes: Annotated[float, Field(gt=0, le=2000)] = 100.0
    max_message_bytes: Annotated[int, Field(strict=True, ge=1024, le=900_000)] = 262_144
    max_pending_chars: Count = 50_000
    max_packet_ms: Annotated[int, Field(strict=True, ge=5, le=1000)] = 60
    max_ahead_seconds: Seconds = 10.0
    stall_timeout_seconds: Seconds = 20.0
    engine_timeout_seconds: Seconds = 60.0
    engine_heartbeat_seconds: Seconds = 5.0
    engine_step_seconds: Seconds = 20.0
    engine_wait_seconds: Seconds = 20.0
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    metrics_port: Port | None = None
    metrics_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"


class StreamsConfig(Section):
    # None: decided by the client. Which formats there are is checked where they are known (`sockets.session_rules`).
    default_format: Annotated[str | None, BeforeValidator(_unless_auto)] = None


class ModelConfig(Section):
    engine: Literal["auto", "xtts", "demo"] = "auto"
    config_path: ConfigPath | None = None
    checkpoint_path: ConfigPath | None = None
    tokenizer_path: ConfigPath | None = None
    speaker_wav: ConfigPath | None = None
    demo_voices: Mapping[LanguageTag, ConfigPath] = {}
    language: Annotated[str, Field(min_length=2, max_length=10)] = "en"
    device: Devices = ("auto",)
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = "auto"
    threads: Count | None = None
    voice_cache_megabytes: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 512
    compiled_kernels: bool = True
    # Unset: what the model's config.json says.
    temperature: Annotated[float, Field(ge=0.01, le=2)] | None = None
    top_k: Annotated[int, Field(strict=True, ge=0, le=1000)] | None = None
    top_p: Annotated[float, Field(ge=0.01, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(ge=1, le=100)] | None = None
    gpt_cond_len: ReferenceSeconds | None = None
    # The memory for a chunk grows with its square.
    gpt_cond_chunk_len: Annotated[int, Field(strict=True, ge=1, le=30)] | None = None
    max_ref_length: ReferenceSeconds | None = None
    sound_norm_refs: bool | None = None

    @model_validator(mode="after")
    def _a_checkpoint_is_whole(self) -> Self:
        if self.checkpoint_path is None and self.engine == "xtts":
            raise ValueError(
                "engine xtts needs checkpoint_path, the folder of an XTTS v2 model (manage.py fetch_xtts downloads one)"
            )
        if self.checkpoint_path is None and (self.config_path or self.tokenizer_path):
            raise ValueError("config_path and tokenizer_path need checkpoint_path")
        return self

    @model_validator(mode="after")
    def _a_language_has_one_voice(self) -> Self:
        languages = [re.split("[-_]", tag)[0].lower() for tag in self.demo_voices]
        if twice := next((language for language in languages if languages.count(language) > 1), None):
            raise ValueError(f"demo_voices names several voices for the language {twice}; regions make no difference")
        return self

    @model_validator(mode="after")
    def _precision_suits_the_device(self) -> Self:
        if self.precision == "int8" and self.device[0].startswith("cuda"):
            raise ValueError("precision int8 is for CPUs; on a GPU use fp16, bf16 or fp32")
        if self.precision in ("fp16", "bf16") and self.device == ("cpu",):
            raise ValueError(f"precision {self.precision} is for GPUs; on a CPU use int8 or fp32")
        return self

    @model_validator(mode="after")
    def _int8_is_compiled(self) -> Self:
        if self.precision == "int8" and not self.compiled_kernels:
            raise ValueError("precision int8 needs compiled_kernels; without them a CPU computes in fp32")
        return self

    @property
    def uses_xtts(self) -> bool:
        return self.checkpoint_path is not None and self.engine != "demo"


class TailsConfig(Section):
    """What XTTS says after its text: the fields of `streaming.engine.text.tails.Tails`."""

    slowest_rate: Annotated[float, Field(ge=0.05, le=1)] = 0.4
    end_at_pause: bool = True
    drop_quotes: bool = True
    plain_marks: bool = True
    drop_last_dash: bool = True
    close_short_texts: bool = True
    spaced_stops: tuple[Annotated[str, Field(pattern="^[a-z]{2}$")], ...] = ("pt", "it", "fr")


class ForwardConfig(Section):
    allowed_prefixes: tuple[Annotated[str, Field(min_length=1)], ...] = ("sess:",)
    raw_channels: bool = True
    max_queued_seconds: Seconds = 120.0
    timeout_seconds: Seconds = 5.0


class AccessConfig(Section):
    require_keys: bool = False


class PlaygroundConfig(Section):
    enabled: bool = True


class MetricsConfig(Section):
    # As it stands in a header, where it is sent.
    token: Annotated[str, Field(min_length=16, max_length=1000, pattern=r"^[!-~]+$")] | None = Field(None, repr=False)


class LimitsConfig(Section):
    max_message_chars: Count = 50_000
    max_request_chars: Count = 40_000
    max_chars_per_minute: Count | None = None
    redis_answer_seconds: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    max_contexts: Count = 5
    max_messages_per_second: Annotated[float, Field(ge=1, le=100_000)] = 200.0
    max_sockets_per_key: Count = 64
    max_sockets_per_address: Count = 256
    max_unidentified_sockets: Count = 128
    max_waiting_requests: Count = 256
    max_uploads_per_address: Count = 4
    request_head_seconds: Seconds = 15.0
    request_body_seconds: Seconds = 300.0
    max_query_bytes: Annotated[int, Field(strict=True, ge=256, le=65_536)] = 8192
    max_header_bytes: Annotated[int, Field(strict=True, ge=1024, le=65_536)] = 16_384


class DatabaseConfig(Section):
    answer_seconds: Annotated[float, Field(ge=0.5, le=60)] = 2.5
    cache_seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0
    key_outage_seconds: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    voice_outage_seconds: Annotated[float, Field(ge=0, le=86_400)] = 3600.0


# Settings of the section `service` that only the project `xtts_site` knows.
OF_THE_PROJECT = {
    *("host", "port", "server", "tls_certificate", "tls_key", "behind_tls_proxy", "hsts_seconds"),
    *("allowed_hosts", "secret_key", "log_level", "log_format"),
}


class Config(Section):
    service: ServiceConfig
    streams: StreamsConfig
    model: ModelConfig
    tails: TailsConfig
    voices: VoicesConfig
    forward: ForwardConfig
    access: AccessConfig
    playground: PlaygroundConfig
    metrics: MetricsConfig
    limits: LimitsConfig
    database: DatabaseConfig
    redis_url: Annotated[str, AfterValidator(check_redis_url)] | None = None


@cache
def get_config() -> Config:
    """The settings, read once. Raises ImproperlyConfigured."""
    values = with_sections(Config, xtts_settings())
    named = values["service"] if isinstance(values["service"], Mapping) else {}
    if other := sorted(OF_THE_PROJECT & set(named)):
        raise ImproperlyConfigured(
            f"{SETTING}['service']['{other[0]}'] is a setting of the project xtts_site only: your own project, or the "
            "server that runs it, has one of its own."
        )
    return read_section(Config, values)


def with_sections(kind: type[Config], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with every section in them: one that nobody mentions, or mentions without a key, has its defaults."""
    return {name: {} for name in section_types(kind)} | {
        name: {} if value is None and name in section_types(kind) else value for name, value in values.items()
    }


def section_types(kind: type[Section]) -> dict[str, type[Section]]:
    fields = {name: field.annotation for name, field in kind.model_fields.items()}
    return {name: kind for name, kind in fields.items() if isinstance(kind, type) and issubclass(kind, Section)}


def _forget(*, setting: str, **_: Any) -> None:
    if setting in (SETTING, "BASE_DIR"):
        get_config.cache_clear()


setting_changed.connect(_forget)
