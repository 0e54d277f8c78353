"""From an utterance to a request."""

from typing import Any

import pytest

from streaming.engine.contract import VoiceRef
from streaming.errors import UnknownDictionary, UnknownLanguage
from streaming.protocol.context import Utterance
from streaming.protocol.parameters import Locators, Parameters
from streaming.speech.language import LanguageChooser
from streaming.speech.request_maker import RequestMaker, SpeakerVoice
from streaming.speech.voice_settings import SpokenAs, stability_of, temperature_of
from streaming.text.pronunciation import Alias, Pronouncer
from tests.pure.speech.engine import StandIn

VOICE = VoiceRef("key", conditioning=b"anna")
LOCATORS = (("names", None),)


class Source:
    """Gives the voice and the dictionaries, and counts how often it is asked."""

    def __init__(self, deleted: tuple[str, str | None] | None = None) -> None:
        self.deleted = deleted
        self.voices = 0
        self.loaded: list[Locators] = []

    async def ref(self) -> VoiceRef:
        self.voices += 1
        return VOICE

    async def load(self, locators: Locators) -> Pronouncer:
        if self.deleted in locators:
            raise UnknownDictionary("It does not exist.")
        self.loaded.append(locators)
        return Pronouncer([Alias("GIF", "jif")] if locators else [])


def maker(source: Source, *, language: str = "en", executor: StandIn | None = None, **settings: object) -> RequestMaker:
    voice = SpeakerVoice(source.ref, SpokenAs(language=language, speed=1.25, **settings))  # type: ignore[arg-type]
    return RequestMaker(executor or StandIn(), voice, LanguageChooser(), source.load)


def utterance(text: str = "A GIF", **parameters: object) -> Utterance:
    return Utterance(0, 0, text, Parameters().updated(parameters))


async def test_a_request_has_the_voice_and_the_parameters() -> None:
    requests, spoken = maker(Source()), utterance(seed=3, stream_chunk_size=5, language="de-CH", speed=0.75)
    await requests.prepare_for(spoken)
    request, _ = requests.make(spoken)
    assert (request.voice, request.language, request.speed) == (VOICE, "de", 0.75)
    assert (request.seed, request.stream_chunk_size) == (3, 5)
    assert request.apply_text_normalization


async def test_how_tokens_are_sampled_is_the_clients_choice_or_the_engines() -> None:
    requests, spoken = maker(Source()), utterance(temperature=0.6, top_k=0, top_p=0.9)
    await requests.prepare_for(spoken)
    request, unset = requests.make(spoken)[0], requests.make(utterance())[0]
    assert (request.temperature, request.top_k, request.top_p) == (0.6, 0, 0.9)
    assert (unset.temperature, unset.top_k, unset.top_p) == (None, None, None)


async def test_the_engine_is_told_not_to_say_numbers_and_signs_in_words() -> None:
    requests, spoken = maker(Source()), utterance(apply_text_normalization=False)
    await requests.prepare_for(spoken)
    request, _ = requests.make(spoken)
    assert not request.apply_text_normalization


async def test_no_time_is_spent_on_markup() -> None:
    requests, spoken = maker(Source()), utterance("**Bold** and <b>strong</b>")
    await requests.prepare_for(spoken)
    request, text = requests.make(spoken)
    assert request.text == "Bold and strong"
    assert (text.original, text.original_end(len("Bold"))) == (spoken.text, len("**Bold**"))


@pytest.mark.parametrize(("text", "normalizes"), [("**5** km", False), ("** __ **", True)])
async def test_markup_stays_if_the_client_wants_it_or_there_is_nothing_else(text: str, normalizes: bool) -> None:
    requests, spoken = maker(Source()), utterance(text, apply_text_normalization=normalizes)
    await requests.prepare_for(spoken)
    assert requests.make(spoken)[0].text == text


async def test_the_voice_gives_what_the_client_leaves_out() -> None:
    requests = maker(Source(), language="de")
    await requests.prepare_for(utterance())
    request, _ = requests.make(utterance())
    assert (request.language, request.speed) == ("de", 1.25)


OWN: dict[str, Any] = {"seed": 7, "temperature": 0.5, "top_k": 20, "top_p": 0.7, "repetition_penalty": 3.0}


async def test_the_voice_says_how_tokens_are_sampled_if_the_client_does_not() -> None:
    requests = maker(Source(), **OWN)
    await requests.prepare_for(utterance())
    request, _ = requests.make(utterance())
    assert {name: getattr(request, name) for name in OWN} == OWN


async def test_the_client_wins_over_the_voice_with_a_zero_too() -> None:
    requests, spoken = maker(Source(), **OWN), utterance(seed=0, temperature=0.6, top_k=0, top_p=1.0)
    await requests.prepare_for(spoken)
    request, _ = requests.make(spoken)
    assert (request.seed, request.temperature, request.top_k, request.top_p) == (0, 0.6, 0, 1.0)


@pytest.mark.parametrize(
    ("sets", "asked", "temperature"),
    [
        (False, {"stability": 1.0}, 0.5),
        (True, {"stability": 0.0}, 1.2),
        (True, {"stability": 0.5}, 0.75),
        (True, {"stability": 1.0}, 0.3),
        (True, {"stability": 1.0, "temperature": 0.9}, 0.9),
        (True, {}, 0.5),
    ],
)
async def test_stability_sets_the_temperature_where_the_voice_says_so(
    sets: bool, asked: dict[str, Any], temperature: float
) -> None:
    requests, spoken = maker(Source(), temperature=0.5, stability_sets_temperature=sets), utterance(**asked)
    await requests.prepare_for(spoken)
    assert requests.make(spoken)[0].temperature == temperature


@pytest.mark.parametrize("stability", [0.0, 0.25, 0.5, 1.0])
def test_a_temperature_tells_its_stability(stability: float) -> None:
    assert stability_of(temperature_of(stability)) == pytest.approx(stability)


async def test_the_voices_dictionaries_are_for_requests_that_name_none() -> None:
    source = Source()
    requests = maker(source, locators=LOCATORS)
    await requests.prepare_for(utterance())
    assert requests.make(utterance())[0].text == "A jif"
    await requests.prepare_for(utterance(pronunciation_dictionary_locators=(("others", None),)))
    assert source.loaded == [LOCATORS, (("others", None),)]


async def test_a_dictionary_of_the_voice_that_was_deleted_meanwhile_is_passed_over() -> None:
    source = Source(deleted=("gone", None))
    requests = maker(source, locators=(("gone", None), *LOCATORS))
    await requests.prepare_for(utterance())
    assert requests.make(utterance())[0].text == "A jif"
    with pytest.raises(UnknownDictionary):
        await requests.prepare_for(utterance(pronunciation_dictionary_locators=(("gone", None),)))


async def test_every_request_has_an_id_of_its_own() -> None:
    requests = maker(Source())
    await requests.prepare_for(utterance())
    assert requests.make(utterance())[0].request_id != requests.make(utterance())[0].request_id


async def test_the_text_is_spoken_as_the_dictionaries_say() -> None:
    requests, spoken = maker(Source()), utterance(pronunciation_dictionary_locators=LOCATORS)
    await requests.prepare_for(spoken)
    request, text = requests.make(spoken)
    assert request.text == text.spoken == "A jif"
    assert text.original == "A GIF"


async def test_voice_and_dictionaries_are_asked_for_once() -> None:
    source = Source()
    requests = maker(source)
    for locators in (LOCATORS, LOCATORS, ()):
        await requests.prepare_for(utterance(pronunciation_dictionary_locators=locators))
    assert source.voices == 1
    assert source.loaded == [LOCATORS, ()]


async def test_it_is_prepared_for_utterances_of_the_same_dictionaries() -> None:
    requests, named = maker(Source()), utterance(pronunciation_dictionary_locators=LOCATORS)
    assert not requests.is_prepared_for(utterance())
    await requests.prepare_for(utterance())
    assert requests.is_prepared_for(utterance("Something else"))
    assert not requests.is_prepared_for(named)


async def test_a_voice_whose_language_the_engine_lacks_is_refused() -> None:
    requests = maker(Source(), language="sv")
    await requests.prepare_for(utterance())
    with pytest.raises(UnknownLanguage):
        requests.make(utterance())


async def test_without_an_engine_the_language_is_the_one_asked_for() -> None:
    requests = maker(Source(), executor=StandIn(None))
    await requests.prepare_for(utterance())
    assert requests.make(utterance(language="tlh"))[0].language == "tlh"
