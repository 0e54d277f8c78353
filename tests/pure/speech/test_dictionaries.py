"""From the locators of a client to what is said."""

import pytest
from asgiref.sync import async_to_sync

from streaming.errors import UnknownDictionary
from streaming.speech.dictionaries import load_pronouncer
from voices.models import PronunciationDictionary

load = async_to_sync(load_pronouncer)


@pytest.fixture(autouse=True)
def brands(db: None) -> PronunciationDictionary:
    dictionary = PronunciationDictionary.objects.create(dictionary_id="brands", name="Brands")
    dictionary.rules.create(string_to_replace="GIF", alias="jif")
    dictionary.rules.create(string_to_replace="sql", alias="sequel", case_sensitive=False, word_boundaries=False)
    return dictionary


def said(text: str, *locators: tuple[str, str | None]) -> str:
    return load(locators).pronounce(text).spoken


def test_no_dictionary_changes_nothing() -> None:
    assert said("A GIF.") == "A GIF."


def test_the_newest_version_is_meant_without_one() -> None:
    assert said("A GIF in MySQL.", ("brands", None)) == "A jif in Mysequel."


def test_a_version_is_checked(brands: PronunciationDictionary) -> None:
    old = brands.version_id
    assert said("A GIF.", ("brands", old)) == "A jif."
    brands.rules.create(string_to_replace="PNG", alias="ping")
    with pytest.raises(UnknownDictionary, match=f"no version {old!r}; its current version is {brands.version_id!r}"):
        said("A GIF.", ("brands", old))


def test_an_unknown_dictionary_is_named() -> None:
    with pytest.raises(UnknownDictionary, match="The pronunciation dictionary 'none' does not exist"):
        said("A GIF.", ("brands", None), ("none", None))


def test_the_first_dictionary_wins() -> None:
    other = PronunciationDictionary.objects.create(dictionary_id="other", name="Other")
    other.rules.create(string_to_replace="GIF", alias="ghif")
    assert said("GIF", ("other", None), ("brands", None)) == "ghif"
