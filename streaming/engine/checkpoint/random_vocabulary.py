"""A vocabulary for models with random weights: the characters and languages of XTTS v2, with merges of our own."""

import itertools
import string
from typing import Any

from streaming.engine.checkpoint.config import LANGUAGES

SPECIAL_TOKENS = ("[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{language}]" for language in LANGUAGES))
# As the cleaners leave them: lower case, Japanese, Chinese and Korean in Latin letters.
_LATIN = string.ascii_lowercase + "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœāăąćčďđēęěğīıłńňōőřśşšťūůűźżž"
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
_ARABIC = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيًٌٍَُِّْـپچژکگی"
_DEVANAGARI = "".join(
    map(chr, (*range(0x901, 0x904), *range(0x905, 0x93A), *range(0x93C, 0x94E), 0x950, *range(0x958, 0x966)))
)
_MARKS = ".,!?;:'\"-()[]/&%@#$€£°+*=…–—‘’“”„«»¿¡·،؟؛।、。"
CHARACTERS = string.digits + _LATIN + _CYRILLIC + _ARABIC + _DEVANAGARI + _MARKS


def random_vocabulary(size: int) -> dict[str, Any]:
    """`vocab.json` in the format of the tokenizers library, with `size` tokens; at least the characters and a few merges."""
    tokens = [*SPECIAL_TOKENS, *dict.fromkeys(CHARACTERS)]
    merges = list(itertools.islice(_merges(), size - len(tokens)))
    tokens += [left + right for left, right in merges]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(index, token) for index, token in enumerate(SPECIAL_TOKENS)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [f"{left} {right}" for left, right in merges],
        },
    }


def _merges() -> "itertools.chain[tuple[str, str]]":
    """Pairs of letters first, then triples: more than any vocabulary here asks for."""
    consonants, vowels = "tnshrdlcmfpgwybvkzjxq", "eaoiuyäöüéáó"
    syllables = list(itertools.product(consonants, vowels))
    pairs = [*syllables, *itertools.product("нтрсвлкмдпбгзчхжшцф", "оаеиуыяюэё")]
    closed = ((left + right, end) for left, right in syllables for end in dict.fromkeys(consonants + vowels))
    return itertools.chain(pairs, closed)


def _special(index: int, token: str) -> dict[str, Any]:
    return {
        "id": index,
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
