"""How fast each voice speaks each language, for the times of its characters."""

from collections import OrderedDict

from streaming.engine.contract import SpeechRequest
from streaming.protocol.speaking_rate import SpeakingRate, Tempo

# Voices and languages. A rate is two numbers; one that is forgotten is learned again with the next piece of text.
MOST_REMEMBERED = 1000


class SpeakingRates:
    """One for each server process. Those that were asked for longest ago are forgotten."""

    def __init__(self) -> None:
        self._rates: OrderedDict[tuple[str, str], SpeakingRate] = OrderedDict()

    def tempo_of(self, request: SpeechRequest, *, is_patient: bool = False) -> Tempo:
        """How fast it will be spoken. What the tempo learns while it is spoken is known to those that come after it."""
        name = (request.voice.key or request.voice.speaker, request.language)
        rate = self._rates.setdefault(name, SpeakingRate())
        self._rates.move_to_end(name)
        if len(self._rates) > MOST_REMEMBERED:
            self._rates.popitem(last=False)
        return Tempo(rate, request.speed, is_patient)
