"""Every string for people has its Russian."""

import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import django
import pytest
from babel.messages.catalog import Message

from tests.catalogs import APPS, catalog_file, compiled, kept, strings_of
from xtts_site.config import PROJECT_DIR

# Of Python ("%(count)d", "%%"), of templates and scripts ("{name}"), and tags.
HOLES = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}|</?\w+[^>]*>")
TEMPLATES = sorted(file for app in APPS for file in (PROJECT_DIR / app / "templates").glob("**/*.html"))
# What is in a template for people, when its marked texts, its logic, its scripts and its tags are taken out.
MARKED = re.compile(
    r"{% blocktranslate.*?endblocktranslate %}|{%.*?%}|{{.*?}}|{#.*?#}|<script.*?</script>|<!--.*?-->", re.DOTALL
)
TAG = re.compile(r"<[^>]*>")
SHOWN_ATTRIBUTE = re.compile(r"""\b(?:alt|aria-label|placeholder|title|content)=["']([^"']*)""")
# Names, which are the same in any language; what <meta> says to browsers.
NAMES = {"API", "TTFA", "RTF", "WAV", "MP3", "FLAC", "curl", "Python", "JavaScript", "width", "device", "initial", "scale",
         "light", "dark", "sk", "noindex", "ms", "kHz"}  # fmt: skip


def messages(app: str) -> list[Message]:
    return [message for message in kept(app) if message.id]


def forms(text: object) -> tuple[str, ...]:
    """Of a string, or of one with a singular and plurals."""
    return (text,) if isinstance(text, str) else tuple(text) if isinstance(text, (tuple, list)) else ()


def names_of(app: str) -> set[object]:
    return {(message.context, message.id) for message in strings_of(app) if message.id}


@pytest.mark.parametrize("app", APPS)
def test_the_catalog_has_the_strings_of_the_sources(app: str) -> None:
    """`make messages` puts it right."""
    assert {(message.context, message.id) for message in messages(app)} == names_of(app)


@pytest.mark.parametrize("app", APPS)
def test_every_string_is_translated(app: str) -> None:
    missing = [message.id for message in messages(app) if not all(forms(message.string)) or message.fuzzy]
    assert missing == []


@pytest.mark.parametrize("app", APPS)
def test_a_plural_has_the_three_forms_of_russian(app: str) -> None:
    plurals = [message for message in messages(app) if not isinstance(message.id, str)]
    assert [message.id for message in plurals if len(forms(message.string)) != 3] == []


@pytest.mark.parametrize("app", APPS)
def test_a_translation_has_the_same_holes_and_tags(app: str) -> None:
    for message in messages(app):
        expected = sorted(HOLES.findall(forms(message.id)[-1]))
        for form in forms(message.string):
            assert sorted(HOLES.findall(form)) == expected, form


@pytest.mark.parametrize("app", APPS)
def test_what_is_compiled_is_the_catalog(app: str) -> None:
    """`make messages` compiles it."""
    assert catalog_file(app).with_suffix(".mo").read_bytes() == compiled(kept(app))


def test_no_string_has_two_translations() -> None:
    """Django has one catalog of all apps: the first that has a string would decide for the others."""
    found: dict[object, object] = {}
    for app in APPS:
        for message in messages(app):
            assert found.setdefault((message.context, message.id), message.string) == message.string, message.id


def test_no_string_of_djangos_is_translated_otherwise() -> None:
    """The pages of other apps have it, too. A string that has to be different gets a context (pgettext)."""
    ours: dict[object, object] = {
        message.id: message.string for app in APPS for message in messages(app) if not message.context
    }
    for catalog in djangos_catalogs():
        for text, translated in catalog.items():
            assert ours.get(text, translated) == translated, text


def djangos_catalogs() -> Iterator[dict[object, object]]:
    for name in ("conf", "contrib/admin", "contrib/auth"):
        file = Path(str(django.__file__)).parent / name / "locale" / "ru" / "LC_MESSAGES" / "django.mo"
        with file.open("rb") as content:
            # Its public methods answer for one string each.
            yield GNUTranslations(content)._catalog  # type: ignore[attr-defined]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.relative_to(PROJECT_DIR).as_posix())
def test_a_template_has_no_text_that_is_not_marked(template: Path) -> None:
    source = MARKED.sub("", template.read_text())
    shown = [*SHOWN_ATTRIBUTE.findall(source), TAG.sub(" ", source)]
    words = {word for text in shown for word in re.findall(r"[A-Za-z]{2,}", re.sub(r"&\w+;", "", text))}
    assert words <= NAMES
