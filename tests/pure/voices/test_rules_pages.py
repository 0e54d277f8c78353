"""The page of a dictionary shows its rules in pages of their own."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from voices.dictionaries import MAX_RULES, import_aliases
from voices.dictionary_admin import RULES_ON_A_PAGE
from voices.models import PronunciationDictionary, PronunciationRule

COUNT = 2 * RULES_ON_A_PAGE + 1


@pytest.fixture
def dictionary(db: None) -> PronunciationDictionary:
    made = PronunciationDictionary.objects.create(dictionary_id="brands", name="Brands")
    import_aliases(made, {f"word{number:03}": f"spoken {number}" for number in range(COUNT)})
    return made


@pytest.fixture
def path(dictionary: PronunciationDictionary) -> str:
    return f"/admin/voices/pronunciationdictionary/{dictionary.pk}/change/"


def fields(page: Any) -> dict[str, str]:
    """What a browser would post of the page, but for the empty row that its script copies."""
    values = {}
    for tag in re.findall(r"<input[^>]*>", page.content.decode()):
        has = {name: html.unescape(value) for name, value in re.findall(r'([a-z]+)="([^"]*)"', tag)}
        is_off = has["type"] == "checkbox" and " checked" not in tag
        if "__prefix__" in has.get("name", "__prefix__") or is_off or has["type"] in ("file", "submit", "search"):
            continue
        values[has["name"]] = has.get("value", "on" if has["type"] == "checkbox" else "")
    return values


def words(posted: dict[str, str]) -> list[str]:
    return [value for name, value in posted.items() if name.endswith("string_to_replace") and value]


def test_a_page_has_as_many_rules_as_it_should(admin_client: Client, path: str) -> None:
    first, last, beyond = (words(fields(admin_client.get(path, {"rules": page}))) for page in ("1", "3", "99"))
    assert (len(first), first[0]) == (RULES_ON_A_PAGE, "word000")
    assert last == beyond == [f"word{COUNT - 1:03}"]


@pytest.mark.parametrize("page", ["", "x", "-1", "9" * 5000, "１"])
def test_an_odd_page_is_some_page(admin_client: Client, path: str, page: str) -> None:
    assert admin_client.get(path, {"rules": page, "rule": "\0"}).status_code == 200


def test_rules_are_found_by_what_is_written_or_spoken(admin_client: Client, path: str) -> None:
    assert words(fields(admin_client.get(path, {"rule": "ORD077"}))) == ["word077"]
    assert words(fields(admin_client.get(path, {"rule": "spoken 77"}))) == ["word077"]


def test_what_was_found_is_shown_as_it_was_written(admin_client: Client, path: str) -> None:
    page = admin_client.get(path, {"rule": '"><script>'}).content.decode()
    assert "<script>&" not in page
    assert 'value="&quot;&gt;&lt;script&gt;"' in page


def test_saving_a_page_changes_its_rules_and_no_others(
    admin_client: Client, path: str, dictionary: PronunciationDictionary
) -> None:
    before = dict(dictionary.rules.values_list("string_to_replace", "alias"))
    posted = fields(admin_client.get(path, {"rules": "2"}))
    posted["rules-0-alias"], posted["rules-1-DELETE"] = "changed", "on"
    posted[f"rules-{RULES_ON_A_PAGE}-string_to_replace"], posted[f"rules-{RULES_ON_A_PAGE}-alias"] = "new", "rule"
    assert admin_client.post(f"{path}?rules=2", posted).status_code == 302
    first, second = (f"word{RULES_ON_A_PAGE + number:03}" for number in range(2))
    del before[second]
    assert dict(dictionary.rules.values_list("string_to_replace", "alias")) == before | {
        first: "changed",
        "new": "rule",
    }


def test_rules_that_are_deleted_meanwhile_move_no_change_to_another_rule(
    admin_client: Client, path: str, dictionary: PronunciationDictionary
) -> None:
    posted = fields(admin_client.get(path, {"rules": "2"}))
    dictionary.rules.filter(string_to_replace__in=["word000", "word001"]).delete()
    posted["rules-0-alias"] = "changed"
    assert admin_client.post(f"{path}?rules=2", posted).status_code == 302
    assert dictionary.rules.get(alias="changed").string_to_replace == f"word{RULES_ON_A_PAGE:03}"


def test_a_rule_of_another_dictionary_is_not_changed(admin_client: Client, path: str) -> None:
    other = PronunciationRule.objects.create(
        dictionary=PronunciationDictionary.objects.create(name="Other"), string_to_replace="GIF", alias="jif"
    )
    posted = fields(admin_client.get(path))
    posted["rules-0-id"], posted["rules-0-alias"] = str(other.pk), "changed"
    admin_client.post(path, posted)
    other.refresh_from_db()
    assert other.alias == "jif"


def test_a_rule_for_a_word_of_another_page_is_refused(admin_client: Client, path: str) -> None:
    posted = fields(admin_client.get(path, {"rules": "3"}))
    posted["rules-1-string_to_replace"], posted["rules-1-alias"] = "word000", "again"
    page = admin_client.post(f"{path}?rules=3", posted)
    assert "A rule for this word already exists." in page.content.decode()


def test_no_more_rules_than_a_dictionary_may_have(
    admin_client: Client, path: str, dictionary: PronunciationDictionary
) -> None:
    import_aliases(dictionary, {f"more{number}": "x" for number in range(MAX_RULES - COUNT)})
    posted = fields(admin_client.get(path))
    posted[f"rules-{RULES_ON_A_PAGE}-string_to_replace"], posted[f"rules-{RULES_ON_A_PAGE}-alias"] = "new", "rule"
    page = admin_client.post(path, posted).content.decode()
    assert f"at most {MAX_RULES} rules; this would be {MAX_RULES + 1}" in page
    posted["rules-0-DELETE"] = "on"
    assert admin_client.post(path, posted).status_code == 302


def test_save_and_continue_goes_on_with_the_same_rules(admin_client: Client, path: str) -> None:
    posted = fields(admin_client.get(path, {"rules": "2", "rule": "word"}))
    answer = admin_client.post(f"{path}?rules=2&rule=word", posted | {"_continue": "yes"})
    assert answer["Location"] == f"{path}?rules=2&rule=word"
