"""From a stream's utterances to requests for the engine: the voice, the pronunciation, the language."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from streaming.dispatch.executor import Executor
from streaming.engine.contract import SpeechRequest, VoiceRef
from streaming.errors import UnknownDictionary
from streaming.logs.request_id import utterance_id
from streaming.protocol.context import Utterance
from streaming.protocol.parameters import Locators
from streaming.protocol.speaking_rate import Tempo
from streaming.speech.language import LanguageChooser
from streaming.speech.speaking_rates import SpeakingRates
from streaming.speech.voice_settings import SpokenAs, either
from streaming.text.normalization.markup import without_markup
from streaming.text.pronunciation import Pronouncer
from streaming.text.rewriting import Rewriting


@dataclass(frozen=True, slots=True)
class SpeakerVoice:
    """What a voice gives to each of its utterances. `ref` returns the voice as soon as it is prepared; may raise
    SpeechError."""

    ref: Callable[[], Awaitable[VoiceRef]]
    settings: SpokenAs = field(default_factory=SpokenAs)


async def as_written(locators: Locators) -> Pronouncer:
    """For streams whose text is spoken without dictionaries."""
    return Pronouncer()


class RequestMaker:
    """Makes the requests of one stream. `load_pronouncer` may raise SpeechError. `rates`: of all streams that have the same
    voices. `is_patient`: the times of characters are wanted when they are known, not estimated before."""

    def __init__(
        self,
        executor: Executor,
        voice: SpeakerVoice,
        languages: LanguageChooser,
        load_pronouncer: Callable[[Locators], Awaitable[Pronouncer]] = as_written,
        rates: SpeakingRates | None = None,
        *,
        is_patient: bool = False,
    ) -> None:
        self._executor = executor
        self._voice = voice
        self._languages = languages
        self._load_pronouncer = load_pronouncer
        self._rates = rates or SpeakingRates()
        self._is_patient = is_patient
        self._ref: VoiceRef | None = None
        self._pronouncer = Pronouncer()
        self._locators: Locators = ()
        # What was pronounced last, for an utterance that is refused and tried again.
        self._pronounced: tuple[Utterance, Rewriting] | None = None

    def is_prepared_for(self, utterance: Utterance) -> bool:
        """Whether `make` can be called for it: its voice is there, and its pronunciation."""
        return self._ref is not None and self._locators == self._voice.settings.locators_for(utterance.parameters)

    async def prepare_for(self, utterance: Utterance) -> None:
        """Wait for the utterance's voice and pronunciation. Raises SpeechError."""
        locators = self._voice.settings.locators_for(utterance.parameters)
        if self._locators != locators:
            self._pronouncer, self._locators = await self._pronouncer_of(utterance, locators), locators
        self._ref = self._ref or await self._voice.ref()

    async def _pronouncer_of(self, utterance: Utterance, locators: Locators) -> Pronouncer:
        """Raises SpeechError."""
        try:
            return await self._load_pronouncer(locators)
        except UnknownDictionary:
            if utterance.parameters.pronunciation_dictionary_locators:
                raise
        # Nobody has asked for it: it was deleted after the voice was looked up.
        return await self._load_pronouncer(tuple([each for each in locators if await self._is_there(each)]))

    async def _is_there(self, locator: tuple[str, str | None]) -> bool:
        try:
            await self._load_pronouncer((locator,))
        except UnknownDictionary:
            return False
        return True

    def make(self, utterance: Utterance) -> tuple[SpeechRequest, Rewriting]:
        """The request, and how its text has come from the utterance's. Raises SpeechError."""
        if self._ref is None:
            raise RuntimeError("An utterance was to be spoken before its voice was there.")
        text, parameters, own = self._pronounce(utterance), utterance.parameters, self._voice.settings
        request = SpeechRequest(
            request_id=utterance_id(),
            text=text.spoken,
            voice=self._ref,
            language=self._language(parameters.language),
            speed=parameters.speed or own.speed,
            seed=either(parameters.seed, own.seed),
            apply_text_normalization=parameters.apply_text_normalization,
            temperature=own.temperature_for(parameters),
            top_k=either(parameters.top_k, own.top_k),
            top_p=either(parameters.top_p, own.top_p),
            repetition_penalty=own.repetition_penalty,
            stream_chunk_size=parameters.stream_chunk_size,
            overlap_wav_len=parameters.overlap_wav_len,
            left_context_seconds=parameters.left_context_seconds,
        )
        return request, text

    def tempo_of(self, request: SpeechRequest) -> Tempo:
        """How fast it will probably be spoken, which is learned as it is."""
        return self._rates.tempo_of(request, is_patient=self._is_patient)

    def _pronounce(self, utterance: Utterance) -> Rewriting:
        if self._pronounced is None or self._pronounced[0] is not utterance:
            self._pronounced = utterance, self._read(utterance)
        return self._pronounced[1]

    def _read(self, utterance: Utterance) -> Rewriting:
        """What the dictionaries say, without markup. The engine would lay that aside as well, but here it is known that no
        time is spent on it."""
        text = self._pronouncer.pronounce(utterance.text)
        if not utterance.parameters.apply_text_normalization:
            return text
        plain = text.then(without_markup(text.spoken))
        return plain if plain.spoken.strip() else text

    def _language(self, asked: str | None) -> str:
        info = self._executor.status.info
        if info is None:
            return asked or self._voice.settings.language  # the executor refuses the request
        return self._languages.choose(asked, self._voice.settings.language, info)
