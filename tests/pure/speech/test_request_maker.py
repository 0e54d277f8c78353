"""From an utterance to a request."""

import pytest

from streaming.engine.contract import VoiceRef
from streaming.errors import UnknownLanguage
from streaming.protocol.context import Utterance
from streaming.protocol.parameters import Locators, Parameters
from streaming.speech.language import LanguageChooser
from streaming.speech.request_maker import RequestMaker, SpeakerVoice
from streaming.text.pronunciation import Alias, Pronouncer
from tests.pure.speech.engine import StandIn

VOICE = VoiceRef("key", conditioning=b"anna")
LOCATORS = (("names", None),)


class Source:
    """Gives the voice and the dictionaries, and counts how often it is asked."""

    def __init__(self) -> None:
        self.voices = 0
        self.loaded: list[Locators] = []

    async def ref(self) -> VoiceRef:
        self.voices += 1
        return VOICE

    async def load(self, locators: Locators) -> Pronouncer:
        self.loaded.append(locators)
        return Pronouncer([Alias("GIF", "jif")] if locators else [])


def maker(source: Source, *, language: str = "en", executor: StandIn | None = None) -> RequestMaker:
    voice = SpeakerVoice(source.ref, language, 1.25)
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
