"""How much may be said for what is written: a key pays for the latter, and the former takes the engine's time."""

from streaming.text.rewriting import Rewriting

# Characters that are said for each digit, for each other character, and for any text besides. "1234567" needs 11 for each
# digit in English, "½" 9, "≤" in Russian 17; letters need 1, and pay for some signs among them.
FOR_EACH_DIGIT = 12
FOR_EACH_OTHER = 4
FOR_ANY_TEXT = 100


class SaysTooMuch(ValueError):
    """What would be said is far longer than what is written. The message is for the client."""


def require_speakable(rewriting: Rewriting) -> Rewriting:
    """`rewriting`, if what it says is in proportion to what is written. Raises SaysTooMuch."""
    said, written = len(rewriting.spoken), rewriting.original
    # Most texts need no counting.
    if said > FOR_EACH_OTHER * len(written) + FOR_ANY_TEXT:
        most = most_said(written)
        if said > most:
            raise SaysTooMuch(
                f"A text of {len(written)} characters would be spoken as {said} characters, and at most {most} are allowed. "
                "It has too many signs."
            )
    return rewriting


def most_said(written: str) -> int:
    digits = sum(map(str.isdecimal, written))
    return FOR_EACH_DIGIT * digits + FOR_EACH_OTHER * (len(written) - digits) + FOR_ANY_TEXT
