"""Names of languages: what people read in place of a code, and what they write in place of one."""

from django.conf.locale import LANG_INFO

# Languages that an engine here speaks and Django does not name. ISO 639-2 and 639-3.
_MORE = {
    "ab": "Abkhazian",
    "am": "Amharic",
    "an": "Aragonese",
    "as": "Assamese",
    "ba": "Bashkir",
    "bpy": "Bishnupriya",
    "crh": "Crimean Tatar",
    "cv": "Chuvash",
    "gn": "Guarani",
    "grc": "Ancient Greek",
    "gu": "Gujarati",
    "hak": "Hakka Chinese",
    "haw": "Hawaiian",
    "hbs": "Serbo-Croatian",
    "ht": "Haitian Creole",
    "hyw": "Western Armenian",
    "kl": "Greenlandic",
    "kok": "Konkani",
    "ku": "Kurdish",
    "la": "Latin",
    "ltg": "Latgalian",
    "mi": "Māori",
    "mt": "Maltese",
    "mto": "Totontepec Mixe",
    "nci": "Classical Nahuatl",
    "nog": "Nogai",
    "om": "Oromo",
    "or": "Odia",
    "pap": "Papiamento",
    "qu": "Quechua",
    "quc": "K'iche'",
    "rup": "Aromanian",
    "sd": "Sindhi",
    "shn": "Shan",
    "si": "Sinhala",
    "smj": "Lule Sámi",
    "ti": "Tigrinya",
    "tn": "Tswana",
    "yue": "Cantonese",
    "zh": "Chinese",
}
_NAMED = {code: info for code, info in LANG_INFO.items() if "name" in info}
_ENGLISH: dict[str, str] = {code: info["name"] for code, info in _NAMED.items()} | _MORE
# In English and in the language itself. Of several codes with one name the first one counts: they differ by region.
_CODES: dict[str, str] = {
    name.casefold(): code
    for names in (_ENGLISH, {code: info["name_local"] for code, info in _NAMED.items()})
    for code, name in reversed(names.items())
} | {"mandarin": "zh", "中文": "zh", "farsi": "fa"}


def language_name(code: str) -> str:
    """In English; the code itself where no name is known."""
    return _ENGLISH.get(code, code)


def code_of_language(name: str) -> str | None:
    """The code of a language that is called so ("German", "deutsch"); None if none is known."""
    return _CODES.get(name.strip().casefold())
