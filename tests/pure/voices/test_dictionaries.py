"""Pronunciation dictionaries: rules, versions, and the admin as a person uses it."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.pure.voices.test_lexicon import lexicon
from voices import dictionaries
from voices.dictionaries import MAX_RULES, import_aliases
from voices.lexicon import read_lexicon
from voices.models import PronunciationDictionary, PronunciationRule

LIST = "/admin/voices/pronunciationdictionary/"
ADD = f"{LIST}add/"

Rule = tuple[str, str]


def named(ids: set[str]) -> dict[str, PronunciationDictionary]:
    return PronunciationDictionary.objects.named(ids)


@pytest.fixture
def dictionary(db: None) -> PronunciationDictionary:
    return PronunciationDictionary.objects.create(dictionary_id="brands", name="Brands")


def rules(dictionary: PronunciationDictionary) -> dict[str, str]:
    return dict(dictionary.rules.values_list("string_to_replace", "alias"))


def form(*pairs: Rule, **changes: Any) -> dict[str, Any]:
    """What a browser posts for a new dictionary with these rules."""
    management = {"rules-TOTAL_FORMS": len(pairs), "rules-INITIAL_FORMS": 0}
    rows = {
        f"rules-{index}-{name}": value
        for index, pair in enumerate(pairs)
        for name, value in zip(("string_to_replace", "alias", "word_boundaries"), (*pair, "on"), strict=True)
    }
    return {"dictionary_id": "brands", "name": "Brands"} | management | rows | changes


def errors(page: Any) -> str:
    return html.unescape(" ".join(re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', page.content.decode(), re.S)))


def test_a_new_dictionary_has_an_id_of_its_own(db: None) -> None:
    first, second = (PronunciationDictionary.objects.create(name="A") for _ in range(2))
    assert first.dictionary_id != second.dictionary_id


def test_the_version_changes_with_the_rules_and_only_with_them(dictionary: PronunciationDictionary) -> None:
    empty = dictionary.version_id
    rule = dictionary.rules.create(string_to_replace="GIF", alias="jif")
    one = dictionary.version_id
    rule.word_boundaries = False
    rule.save()
    other = dictionary.version_id
    dictionary.name = "Other"
    dictionary.save()
    assert len({empty, one, other}) == 3
    assert dictionary.version_id == other
    rule.delete()
    assert dictionary.version_id == empty


def test_equal_rules_have_equal_versions(dictionary: PronunciationDictionary) -> None:
    other = PronunciationDictionary.objects.create(name="Copy")
    for each in (dictionary, other):
        import_aliases(each, {"GIF": "jif"})
    assert dictionary.version_id == other.version_id


def test_dictionaries_are_found_by_id_with_two_queries(dictionary: PronunciationDictionary) -> None:
    PronunciationDictionary.objects.create(dictionary_id="other", name="Other")
    dictionary.rules.create(string_to_replace="GIF", alias="jif")
    with CaptureQueriesContext(connection) as queries:
        found = named({"brands", "none", "a\0b"})
        assert {name: [str(rule) for rule in found[name].rules.all()] for name in found} == {"brands": ["GIF → jif"]}
    assert len(queries) == 2


def test_an_import_adds_rules_and_changes_aliases(dictionary: PronunciationDictionary) -> None:
    dictionary.rules.create(string_to_replace="GIF", alias="jif", case_sensitive=False)
    dictionary.rules.create(string_to_replace="kept", alias="as it is")
    import_aliases(dictionary, {"GIF": "ghif", "SQL": "sequel"})
    assert rules(dictionary) == {"GIF": "ghif", "kept": "as it is", "SQL": "sequel"}
    assert not dictionary.rules.get(string_to_replace="GIF").case_sensitive


# The admin


def test_a_dictionary_is_added_with_its_rules(admin_client: Client) -> None:
    admin_client.post(ADD, form(("GIF", "jif"), ("SQL", "sequel")))
    dictionary = PronunciationDictionary.objects.get()
    assert rules(dictionary) == {"GIF": "jif", "SQL": "sequel"}
    assert dictionary.rules.get(alias="jif").word_boundaries


def test_two_rules_for_one_word_are_refused(admin_client: Client) -> None:
    page = admin_client.post(ADD, form(("GIF", "jif"), ("GIF", "ghif")))
    assert "duplicate" in page.content.decode()
    assert not PronunciationDictionary.objects.exists()


OF_DICTIONARIES = ("add_pronunciationdictionary", "change_pronunciationdictionary")
OF_RULES = ("add_pronunciationrule", "change_pronunciationrule")


@pytest.mark.parametrize("rights", [(), OF_RULES[:1], OF_RULES[1:], OF_RULES])
def test_an_import_needs_the_rights_that_its_rules_need(
    client: Client, dictionary: PronunciationDictionary, rights: tuple[str, ...]
) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=(*OF_DICTIONARIES, *rights)))
    client.force_login(user)
    page = f"{LIST}{dictionary.pk}/change/"
    file = SimpleUploadedFile("brands.pls", lexicon("<grapheme>SQL</grapheme><alias>sequel</alias>"))
    may_import = rights == OF_RULES
    assert ('name="lexicon"' in client.get(page).content.decode()) is may_import
    posted = client.post(page, form(dictionary_id="brands", name="Renamed", lexicon=file))
    assert posted.status_code == 302, posted.content
    assert PronunciationDictionary.objects.get().name == "Renamed"
    assert rules(dictionary) == ({"SQL": "sequel"} if may_import else {})


@pytest.mark.parametrize("may_see", [True, False])
def test_who_may_not_see_rules_does_not_find_by_them(
    client: Client, dictionary: PronunciationDictionary, may_see: bool
) -> None:
    import_aliases(dictionary, {"Rosebud": "sled"})
    user = User.objects.create_user("staff", is_staff=True)
    rights = ["view_pronunciationdictionary", *(["view_pronunciationrule"] if may_see else [])]
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    assert ("/change/" in client.get(f"{LIST}?q=Rosebud").content.decode()) is may_see
    assert "/change/" in client.get(f"{LIST}?q=Brands").content.decode()


@pytest.mark.parametrize(("rule", "reason"), [(("GIF", " "), "required"), (("x" * 201, "y"), "at most 200")])
def test_a_rule_that_says_nothing_or_too_much_is_refused(admin_client: Client, rule: Rule, reason: str) -> None:
    assert reason in errors(admin_client.post(ADD, form(rule)))


def test_the_longest_dictionary_can_be_posted(admin_client: Client) -> None:
    admin_client.post(ADD, form(*((f"word{index}", "x") for index in range(MAX_RULES))))
    assert PronunciationRule.objects.count() == MAX_RULES


def test_the_list_shows_version_and_number_of_rules(admin_client: Client, dictionary: PronunciationDictionary) -> None:
    import_aliases(dictionary, {"GIF": "jif", "SQL": "sequel"})
    page = admin_client.get(LIST, {"q": "SQL"}).content.decode()
    assert dictionary.version_id in page
    assert '<td class="field-rule_count">2</td>' in page


def test_the_page_of_a_dictionary_shows_its_version(admin_client: Client, dictionary: PronunciationDictionary) -> None:
    page = admin_client.get(f"{LIST}{dictionary.pk}/change/").content.decode()
    assert dictionary.version_id in page


def test_a_lexicon_is_imported(admin_client: Client) -> None:
    file = SimpleUploadedFile("brands.pls", lexicon("<grapheme>SQL</grapheme><alias>sequel</alias>"))
    admin_client.post(ADD, form(("GIF", "jif"), lexicon=file))
    assert rules(PronunciationDictionary.objects.get()) == {"GIF": "jif", "SQL": "sequel"}


@pytest.mark.parametrize(
    ("lexeme", "reason"),
    [
        ("<grapheme>tomato</grapheme><phoneme>x</phoneme>", "“tomato” has a phoneme rule"),
        (f"<grapheme>{'x' * 201}</grapheme><alias>y</alias>", "at most 200 characters"),
    ],
)
def test_a_lexicon_that_cannot_be_used_is_refused(admin_client: Client, lexeme: str, reason: str) -> None:
    page = admin_client.post(ADD, form(lexicon=SimpleUploadedFile("brands.pls", lexicon(lexeme))))
    assert reason in errors(page)
    assert not PronunciationDictionary.objects.exists()


def test_a_lexicon_with_too_many_rules_is_refused(admin_client: Client, dictionary: PronunciationDictionary) -> None:
    lexemes = (f"<grapheme>w{index}</grapheme><alias>x</alias>" for index in range(MAX_RULES + 1))
    page = admin_client.post(ADD, form(dictionary_id="new", lexicon=SimpleUploadedFile("a.pls", lexicon(*lexemes))))
    assert f"at most {MAX_RULES}" in errors(page)


@pytest.mark.django_db(transaction=True)
def test_a_lexicon_is_read_before_the_transaction(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    within: list[bool] = []

    def watched(content: bytes) -> dict[str, str]:
        within.append(connection.in_atomic_block)
        return read_lexicon(content)

    monkeypatch.setattr(dictionaries, "read_lexicon", watched)
    file = SimpleUploadedFile("brands.pls", lexicon("<grapheme>SQL</grapheme><alias>sequel</alias>"))
    assert admin_client.post(ADD, form(lexicon=file)).status_code == 302
    assert within == [False]
