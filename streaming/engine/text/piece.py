"""What a text front end gives."""

from dataclasses import dataclass

# 1024 samples at 22 050 Hz are one token.
AUDIO_TOKENS_PER_SECOND = 22_050 / 1024


@dataclass(frozen=True, slots=True)
class Timing:
    """When the speech for a text should be over, in seconds at the speed 1: nobody is done before `earliest`, and who speaks
    on at `latest` is slow, or says something else. `pauses`: how many pauses its marks may make. `syllables`: before these
    are heard it is not over, however slow the speaker."""

    earliest: float
    latest: float
    pauses: int
    syllables: float


@dataclass(frozen=True, slots=True)
class TextPiece:
    """What the model speaks at once. `tokens`: text tokens, the language's first, without start and stop. `text_end`:
    where the piece ends in the text. `most_audio_tokens`: speech that is longer has lost its way. `timing`: if its end is to
    be looked for."""

    tokens: list[int]
    text_end: int
    most_audio_tokens: int
    timing: Timing | None = None
