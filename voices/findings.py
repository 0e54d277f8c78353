"""What is worth knowing about a recording that is used: short codes with numbers, which are kept with it, and the sentences
that they stand for, which are made when somebody reads them, in that person's language.

How many people speak is not among them: no measure that would be cheap enough tells two voices from one that changes.
"""

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from voices.decoding import Decoded
from voices.numerals import numeral

logger = logging.getLogger("voices.findings")

# Seconds of speech that make a good voice: XTTS hears the first thirty of a recording.
GOOD_SECONDS, HEARD_SECONDS = 6.0, 30.0
# XTTS reads 22,050 Hz. What a telephone records has nothing above 4 kHz.
GOOD_RATE = 22_050
# Of the speech. Recordings are made at about -20 dBFS.
QUIET_DBFS, WANTED_DBFS = -33.0, -20.0
# A recording is refused from one in a hundred on.
CLIPPED_SHARE = 0.001
# The voice above the quietest moments: in a living room 30 dB and more.
NOISE_DB = 20.0
SPEECH_SHARE = 0.5

SENTENCES: Mapping[str, str | Promise] = {
    "short": _(
        "It has only %(seconds)s s of speech. 6 to 30 s make a good voice: record more, or add other recordings of the "
        "same speaker."
    ),
    "long": _("It has %(seconds)s s of speech, of which XTTS hears the first 30 s. Trim it to the best part."),
    "low_rate": _(
        "Its sample rate is %(rate)s Hz: all sound above %(highest)s kHz is missing, and the voice will be dull. Record at "
        "22,050 Hz or more."
    ),
    "one_channel": _(
        "Of its %(channels)s channels only channel %(channel)s is used, since the others are silent or cancel it."
    ),
    "quiet": _(
        "It is quiet: the speech has a level of %(level)s dBFS. Set the gain to %(gain)s dB, or record closer to the "
        "microphone."
    ),
    "clipped": _("It is too loud in places: %(percent)s %% of it is clipped. Record it again at a lower level."),
    "noisy": _(
        "It has much background noise: the speech is only %(contrast)s dB above it. Record in a quieter room, closer to the "
        "microphone."
    ),
    "little_speech": _(
        "Only %(percent)s %% of it is speech. The silence is left out; trim what else is not the speaker's voice."
    ),
}


@dataclass(frozen=True)
class Finding:
    code: str
    values: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(SENTENCES[self.code]) % {name: numeral(value) for name, value in self.values.items()}

    def stored(self) -> dict[str, Any]:
        return {"code": self.code, "values": dict(self.values)}


def findings_of(measured: Decoded, *, gain: float, total: float) -> list[Finding]:
    """Of a recording that can be used. `gain` in dB; `total`: seconds of the part that is used, with its silence."""
    return [
        *_of_length(measured.speech_frames / measured.sample_rate, total),
        *_of_format(measured),
        *_of_level(measured, gain),
    ]


def stored_findings(values: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """As `Finding.stored` gave them; without those that this version does not know any more."""
    known = [value for value in values if value.get("code") in SENTENCES]
    return [Finding(value["code"], value["values"]) for value in known]


def level_dbfs(power: float) -> float:
    """Of a mean square, 1.0 for full scale."""
    return 10 * math.log10(max(power, 1e-30))


def _of_length(seconds: float, total: float) -> list[Finding]:
    found = []
    if seconds < GOOD_SECONDS:
        found.append(Finding("short", {"seconds": math.floor(seconds * 10) / 10}))
    if seconds > HEARD_SECONDS:
        found.append(Finding("long", {"seconds": round(seconds)}))
    if seconds < SPEECH_SHARE * total:
        found.append(Finding("little_speech", {"percent": round(100 * seconds / total)}))
    return found


def _of_format(measured: Decoded) -> list[Finding]:
    found = []
    if measured.sample_rate < GOOD_RATE:
        highest = measured.sample_rate / 2000
        found.append(Finding("low_rate", {"rate": measured.sample_rate, "highest": round(highest, 1)}))
    if measured.chosen:
        found.append(Finding("one_channel", {"channels": measured.channels, "channel": measured.chosen}))
    return found


def _of_level(measured: Decoded, gain: float) -> list[Finding]:
    found = []
    level = level_dbfs(measured.power)
    if level + gain < QUIET_DBFS:
        found.append(Finding("quiet", {"level": round(level + gain), "gain": suggested_gain(measured)}))
    if measured.clipped > CLIPPED_SHARE:
        found.append(Finding("clipped", {"percent": round(100 * measured.clipped, 1)}))
    contrast = level - level_dbfs(measured.noise)
    if contrast < NOISE_DB:
        found.append(Finding("noisy", {"contrast": round(contrast)}))
    return found


def suggested_gain(measured: Decoded) -> float:
    """In dB, in steps of a half: to the level that recordings are made at, or as near to it as full scale allows."""
    wanted = WANTED_DBFS - level_dbfs(measured.power)
    return max(0.0, math.floor(2 * min(wanted, highest_gain(measured.peak))) / 2)


def highest_gain(peak: float) -> float:
    """In dB: what makes the loudest sample reach full scale."""
    return -20 * math.log10(max(peak, 1e-15))
