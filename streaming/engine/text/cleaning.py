"""Text as a model can say it: coqui's cleaners, made safe for any text, and no character that the model does not know.

Text of which the model knows all characters comes out as coqui's cleaners give it, with these exceptions: numbers that
are too long to be read as one are said digit by digit; where a cleaner fails (an ordinal number in Czech, any number in
Hindi), the number is said in plainer words; "[de]" is a word in brackets, not a switch to German; in Japanese, foreign
letters are romanised, not replaced by question marks.
"""

import logging
import re
import unicodedata
from functools import lru_cache
from typing import Any

from anyascii import anyascii

from streaming.text.normalization.hindi_numbers import spell_hindi

logger = logging.getLogger("streaming.engine.text")

# Languages differ in how long a number they have words for; all have them for this many digits.
MOST_DIGITS = 21
# The second form bounds the work of the cleaners' patterns, which grows with the cube of such a run.
_LONG_NUMBER = re.compile(rf"[0-9]{{{MOST_DIGITS + 1},}}|[0-9.,]{{{2 * MOST_DIGITS},}}")
# Digits to be said one by one. Private characters of the user's own are nothing that can be said.
_FIRST_SINGLE_DIGIT = 0xE0D0
_TO_SINGLE_DIGIT = {ord("0") + digit: _FIRST_SINGLE_DIGIT + digit for digit in range(10)}
_SINGLE_DIGITS = re.compile(f"[{chr(_FIRST_SINGLE_DIGIT)}-{chr(_FIRST_SINGLE_DIGIT + 9)}]+")
_NO_SINGLE_DIGIT = dict.fromkeys(_TO_SINGLE_DIGIT.values(), "\ufffd")
_CHINESE_DIGITS = "零一二三四五六七八九"
_HINDI_NUMBER = re.compile("[0-9]+")

# Where a picture stood: it says nothing, but it parts words.
_GAP = "\ue0ff"
_GAP_BETWEEN_WORDS = re.compile(rf"(?<=\w){_GAP}+(?=\w)")
_VARIATION_SELECTOR = re.compile("[\ufe00-\ufe0f\u180b-\u180d]")
# The cleaners have words for them, if not in all languages.
_SPOKEN_SYMBOLS = "°£€"
_TRADE_MARKS = "™℠"
_JAPANESE = re.compile(
    "[\u3005-\u3007\u303b\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f]"
)
_JAPANESE_WORDS = {
    "%": "パーセント",
    "&": "アンド",
    "@": "アットマーク",
    "#": "シャープ",
    "$": "ドル",
    "£": "ポンド",
    "€": "ユーロ",
    "¥": "円",
    "+": "プラス",
    "°": "度",
}
_OTHER_WORDS = {"€": " euro ", "¥": " yen ", "₹": " rupee "}
# "3rd", "5.": the end of an ordinal number.
_ORDINAL_END = re.compile(r"(?<=[0-9])(?=[^\W\d_]|\.(?!\d))")
_BLANK_BEFORE_MARK = re.compile(r" (?=[.,!?])")


def mark_long_numbers(text: str) -> str:
    """`text` in which the digits of very long numbers are replaced, one by one, so that they are said one by one
    wherever the text is cut. As long as `text`."""
    return _LONG_NUMBER.sub(lambda match: match[0].translate(_TO_SINGLE_DIGIT), text.translate(_NO_SINGLE_DIGIT))


class TextCleaner:
    """The cleaners of coqui's `tokenizer`, with its vocabulary. For one thread, as the Japanese cleaner is."""

    def __init__(self, tokenizer: Any) -> None:
        self._preprocess = tokenizer.preprocess_text
        self._bpe = tokenizer.tokenizer
        self.unknown_token: int | None = self._bpe.token_to_id("[UNK]")
        control_tokens = [token.content[1:-1] for token in self._bpe.get_added_tokens_decoder().values()]
        self._control_token = re.compile(rf"\[({'|'.join(map(re.escape, control_tokens))})\]")
        self._knows = lru_cache(maxsize=4096)(self._read_vocabulary)
        self._before = lru_cache(maxsize=4096)(self._before_cleaning)
        self._after = lru_cache(maxsize=4096)(self._after_cleaning)
        self._digit_words = lru_cache(maxsize=64)(self._make_digit_words)

    def clean(self, text: str, language: str) -> str:
        """What is said for a piece of text marked by `mark_long_numbers`, in the characters of the model's vocabulary.
        Raises nothing. `language` is one of coqui's, without region."""
        cleaned = self._cleaned(self._sayable(text, language).strip().lower(), language)
        characters = {char for char in set(cleaned) if not char.isspace() and not self._knows(char)}
        if characters:
            cleaned = " ".join(cleaned.translate({ord(char): self._after(char) for char in characters}).split())
        return self._control_token.sub(r"\1", cleaned)

    def _read_vocabulary(self, char: str) -> bool:
        tokens = self._bpe.encode(char).ids
        return bool(tokens) and self.unknown_token not in tokens

    # Before coqui's cleaners: what they could not read

    def _sayable(self, text: str, language: str) -> str:
        if _SINGLE_DIGITS.search(text):
            text = text.translate(self._digit_words(language, _FIRST_SINGLE_DIGIT))
        if language == "hi":
            text = _HINDI_NUMBER.sub(lambda match: f" {spell_hindi(int(match[0]))} ", text)
        if any(self._is_loose(char) for char in text if char > "\u02ff"):
            # "e" and an accent, or the parts of a Korean syllable.
            text = unicodedata.normalize("NFC", text)
        is_japanese = language == "ja"
        text = "".join([self._before(char, is_japanese) for char in text])
        return _GAP_BETWEEN_WORDS.sub(" ", text).replace(_GAP, "")

    def _is_loose(self, char: str) -> bool:
        if "\u1100" <= char <= "\u11ff":
            return True
        return unicodedata.combining(char) != 0 and not self._knows(char)

    def _before_cleaning(self, char: str, is_japanese: bool) -> str:
        """What the cleaners are given for one character."""
        kind = unicodedata.category(char)[0]
        if char.isspace() or kind == "Z":
            return char
        if kind == "C":
            # A joiner has a meaning in some scripts. Half a surrogate pair could not even be looked up.
            return char if unicodedata.category(char) == "Cf" and self._knows(char) else ""
        if is_japanese:
            return self._before_cleaning_japanese(char, kind)
        return char if char.isascii() or self._knows(char) else _plain(char, kind)

    def _before_cleaning_japanese(self, char: str, kind: str) -> str:
        if char in _JAPANESE_WORDS and not (char.isascii() and self._knows(char)):
            return _JAPANESE_WORDS[char]
        if kind in "LM" and not char.isascii() and not _JAPANESE.match(char):
            return anyascii(char)
        return char if char.isascii() else _plain(char, kind)

    # Coqui's cleaners

    def _cleaned(self, text: str, language: str) -> str:
        try:
            return str(self._preprocess(text, language))
        except Exception as error:  # they call several libraries, each of which fails in its own way
            logger.debug("The cleaner for %s failed on %d characters: %r", language, len(text), error)
        single_digits = text.translate(self._digit_words(language, ord("0")))
        for plainer in (_ORDINAL_END.sub(" ", text), single_digits):
            try:
                return _BLANK_BEFORE_MARK.sub("", self._preprocess(plainer, language))
            except Exception as error:
                logger.debug("The cleaner for %s failed again: %r", language, error)
        return " ".join(single_digits.split())

    def _make_digit_words(self, language: str, first_digit: int) -> dict[int, str]:
        """A table for `str.translate`: the digits, the first of them `first_digit`, as words by themselves."""
        return {first_digit + digit: f" {self._digit_word(language, digit)} " for digit in range(10)}

    def _digit_word(self, language: str, digit: int) -> str:
        if language == "hi":
            return spell_hindi(digit)
        if language == "zh":
            return _CHINESE_DIGITS[digit]
        try:
            return str(self._preprocess(str(digit), language))
        except Exception as error:
            logger.debug("The cleaner for %s has no word for a digit: %r", language, error)
            return str(digit)

    # After coqui's cleaners: what the model does not know

    def _after_cleaning(self, char: str) -> str:
        """What a character that the model does not know is replaced by: the same in other characters, else nothing."""
        compatible = unicodedata.normalize("NFKC", char).lower()
        candidates = [char.lower(), compatible, _OTHER_WORDS.get(char, "")]
        if unicodedata.category(char)[0] in "LNP" or unicodedata.category(char) == "Sc":
            candidates.append(anyascii(char).lower())
        known = (words for words in candidates if words.strip() and all(map(self._knows_or_blank, words)))
        return next(known, "")

    def _knows_or_blank(self, char: str) -> bool:
        return char == " " or self._knows(char)


def _plain(char: str, kind: str) -> str:
    """What the cleaners may know of a character that is neither ASCII nor known: numbers in ASCII, pictures not."""
    if kind == "N":
        return _plain_number(char)
    if kind == "S":
        return _plain_symbol(char)
    if kind == "M" and (_VARIATION_SELECTOR.match(char) or unicodedata.category(char) == "Me"):
        return ""
    return char


def _plain_number(char: str) -> str:
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    # "m²", "3½", "①", "Ⅷ": what they stand for is a word of its own.
    compatible = unicodedata.normalize("NFKC", char).replace("\N{FRACTION SLASH}", "/")
    return char if compatible == char else f" {compatible}"


def _plain_symbol(char: str) -> str:
    if char in _SPOKEN_SYMBOLS or unicodedata.category(char) == "Sc":
        return char
    if char in _TRADE_MARKS:
        return ""
    # "℃", "㎏", "＋"
    compatible = unicodedata.normalize("NFKC", char)
    if compatible != char and (compatible.isascii() or any(map(str.isalnum, compatible))):
        return compatible
    return _GAP
