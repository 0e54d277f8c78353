"""What a voice says of its speech, where a request does not: a request wins over its voice, the voice over the settings."""

from dataclasses import dataclass
from typing import Self, TypeVar

from streaming.protocol.parameters import Locators, Parameters
from voices.models import Voice

_T = TypeVar("_T")
# What becomes of ElevenLabs' stability 0 and 1, where a voice says that it sets the temperature. Their neutral 0.5 is 0.75,
# the temperature of the published model.
LIVELIEST, STABLEST = 1.2, 0.3


@dataclass(frozen=True, slots=True)
class SpokenAs:
    """None: the engine decides. `locators`: of the voice's dictionaries, for requests that name none."""

    language: str = "en"
    speed: float = 1.0
    seed: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    stability_sets_temperature: bool = False
    locators: Locators = ()

    @classmethod
    def of(cls, voice: Voice, default_language: str) -> Self:
        """`voice`: with its dictionaries loaded."""
        return cls(
            language=voice.language or default_language,
            speed=voice.speed or 1.0,
            seed=voice.seed,
            temperature=voice.temperature,
            top_k=voice.top_k,
            top_p=voice.top_p,
            repetition_penalty=voice.repetition_penalty,
            stability_sets_temperature=voice.stability_sets_temperature,
            locators=tuple((dictionary.dictionary_id, None) for dictionary in voice.dictionaries.all()),
        )

    def temperature_for(self, parameters: Parameters) -> float | None:
        if parameters.temperature is None and self.stability_sets_temperature and parameters.stability is not None:
            return temperature_of(parameters.stability)
        return either(parameters.temperature, self.temperature)

    def locators_for(self, parameters: Parameters) -> Locators:
        return parameters.pronunciation_dictionary_locators or self.locators


def either(asked: _T | None, own: _T | None) -> _T | None:
    """A 0 that was asked for counts."""
    return own if asked is None else asked


def temperature_of(stability: float) -> float:
    """`stability`: 0 to 1."""
    return round(LIVELIEST + (STABLEST - LIVELIEST) * stability, 6)


def stability_of(temperature: float) -> float:
    """The nearest one."""
    return round(min(1.0, max(0.0, (LIVELIEST - temperature) / (LIVELIEST - STABLEST))), 6)
