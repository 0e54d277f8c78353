"""Which requests share what was learned about how fast a voice speaks."""

from dataclasses import replace

from streaming.engine.contract import SpeechRequest, VoiceRef
from streaming.speech.speaking_rates import MOST_REMEMBERED, SpeakingRates

REQUEST = SpeechRequest("1", "Hello.", VoiceRef("anna"), "en")


def test_a_voice_keeps_its_rate_in_a_language() -> None:
    rates = SpeakingRates()
    rates.tempo_of(REQUEST).learn(1000, 300)
    again = rates.tempo_of(replace(REQUEST, request_id="2", text="Other words.", speed=1.5))
    assert again.rate is rates.tempo_of(REQUEST).rate
    assert again.speed == 1.5


def test_other_voices_and_languages_have_their_own() -> None:
    rates = SpeakingRates()
    others = [
        replace(REQUEST, language="zh"),
        replace(REQUEST, voice=VoiceRef("berta")),
        replace(REQUEST, voice=VoiceRef(speaker="Mira Holm")),
    ]
    found = [rates.tempo_of(request).rate for request in (REQUEST, *others)]
    assert len(set(map(id, found))) == 4


def test_those_used_longest_ago_are_forgotten() -> None:
    rates = SpeakingRates()
    first = rates.tempo_of(REQUEST).rate
    for number in range(MOST_REMEMBERED - 1):
        rates.tempo_of(replace(REQUEST, voice=VoiceRef(str(number))))
    assert rates.tempo_of(REQUEST).rate is first
    for number in range(MOST_REMEMBERED):
        rates.tempo_of(replace(REQUEST, voice=VoiceRef(f"new {number}")))
    assert rates.tempo_of(REQUEST).rate is not first


def test_who_can_wait_shares_the_rate_and_guesses_nothing() -> None:
    rates = SpeakingRates()
    patient = rates.tempo_of(REQUEST, is_patient=True)
    assert patient.rate is rates.tempo_of(REQUEST).rate
    assert (patient.progress(10, 5), rates.tempo_of(REQUEST).progress(10, 5) > 0) == (0, True)
