"""Addresses of the network and telephone numbers: what is spelled out, sign by sign or digit by digit."""

import re

from streaming.text.normalization.plurals import Amount
from streaming.text.normalization.rules.rule import Said, Tools

# Endings by which an address without "www" is known. Others have too many words in common with sentences ("was.so").
_ENDINGS = (
    "com org net edu gov io ai dev app info biz tv me eu uk us ca au nz ie de at ch fr be nl es pt br mx ar it pl cz sk hu "
    "ru ua tr gr se no fi dk jp kr cn tw hk sg in ae sa eg il za"
)
_NAMES = {
    ".": "dot",
    "/": "slash",
    "-": "hyphen",
    "_": "underscore",
    ":": "colon",
    "+": "plus",
    "?": "question",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    "~": "tilde",
    "@": "at",
}
_LABEL = "[A-Za-z0-9][A-Za-z0-9-]{0,62}"
_PATH = r"(?::[0-9]{1,5}(?![0-9]))?(?:[/?#][A-Za-z0-9./_~?=&%#+:@,;!-]{0,1000})?"
_PATTERN = re.compile(
    rf"""
    (?:(?:https?|ftp)://|(?=www\.))(?:{_LABEL}\.){{0,8}}{_LABEL}{_PATH}
    | (?:mailto:)?[A-Za-z0-9][A-Za-z0-9._+-]{{0,63}}@(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,20}}
    | (?:{_LABEL}\.){{1,8}}(?:{_ENDINGS.replace(" ", "|")})(?![A-Za-z0-9_-]|\.[A-Za-z0-9]){_PATH}
    """,
    re.VERBOSE,
)
_SCHEME = re.compile(r"(?:(?:https?|ftp)://|mailto:)")
_PARTS = re.compile(r"[0-9]+|[^\W\d_]+|.", re.DOTALL)
_MOST_COUNTED = 4


class NetworkAddresses:
    """ "a@b.com", "https://example.com/x". What is not said is only "https://"."""

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        names = tools.language.addresses
        self._names = {sign: names[name] for sign, name in _NAMES.items()}

    def __call__(self, text: str, start: int) -> Said | None:
        match = _PATTERN.match(text, start)
        if not match:
            return None
        written = match[0].rstrip(".,;:!?")
        address = written[_match_length(_SCHEME.match(written)) :]
        return Said(start + len(written), " ".join(map(self._part, _PARTS.findall(address))))

    def _part(self, part: str) -> str:
        if part.isdigit():
            is_counted = len(part) <= _MOST_COUNTED
            return self._numerals.read(Amount(part)) if is_counted else self._numerals.digits(part)
        return str(self._names.get(part, part))


def _match_length(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


class TelephoneNumbers:
    """ "+49 30 123456", "010-1234-5678", "(555) 123-4567", cards ("1234 5678 9012 3456"): digit by digit."""

    _PATTERN = re.compile(
        r"""
        (?:
            \+[0-9]{1,3}(?:[ \u00a0./-]?\(?[0-9]{1,5}\)?){2,7}
            | \(?0[0-9]{1,5}\)?(?:[ \u00a0/.-]{1,2}[0-9]{2,8}){1,5}
            | \([1-9][0-9]\)[ \u00a0]?[0-9]{4,5}-[0-9]{4}
            | 8[ \u00a0-]\(?[3-9][0-9]{2}\)?[ \u00a0-][0-9]{3}[ \u00a0-][0-9]{2}[ \u00a0-][0-9]{2}
            | (?:1[-. ])?\(?[2-9][0-9]{2}\)?[-. ]{1,2}[0-9]{3}[-.][0-9]{4}
            | [0-9]{2,4}-[0-9]{3,4}-[0-9]{4}
            | [0-9]{4}(?:[ \u00a0-][0-9]{4}){2,4}
            | [2-9][0-9]{2}-[0-9]{2}(?!00)[0-9]{2}
        )(?![0-9]|[-/.,][0-9])
        """,
        re.VERBOSE,
    )
    _LEAST, _MOST = 7, 20

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._is_in_pairs = bool(tools.language.addresses.get("telephones_in_pairs"))
        self._mobile = re.compile(rf"{tools.language.addresses.get('mobile', '(?!)')}(?![0-9])")
        self._plus = tools.language.signs["+"]
        self._pause = tools.language.addresses.get("pause", ", ")

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._PATTERN.match(text, start) or self._mobile.match(text, start)
        if not match:
            return None
        groups = re.findall("[0-9]+", match[0])
        if not self._LEAST <= sum(map(len, groups)) <= self._MOST:
            return None
        words = [self._group(group) for group in groups]
        if match[0][0] == "+":
            words[0] = f"{self._plus} {words[0]}"
        return Said(match.end(), self._pause.join(words))

    def _group(self, digits: str) -> str:
        if self._is_in_pairs and len(digits) == 2:
            zero = [self._numerals.digits("0")] if digits[0] == "0" else []
            return " ".join([*zero, self._numerals.read(Amount(str(int(digits))))])
        return self._numerals.code(digits)


class Versions:
    """ "192.168.0.1", "3.11.2": numbers with dots that group nothing."""

    _PATTERN = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){2,8}(?![0-9])")
    _GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+$")

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._dot = tools.language.addresses["dot"]

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._PATTERN.match(text, start)
        if not match or self._GROUPED.match(match[0]):
            return None
        words = (self._numerals.read(Amount(part)) for part in match[0].split("."))
        return Said(match.end(), f" {self._dot} ".join(words))
