"""The Russian catalogs of the apps. `make messages` adds the strings that are new in the sources, drops those that are gone,
and compiles.

Babel does it, which the tests have anyway: GNU gettext is a package of the system that not every developer has.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from xtts_site.config import PROJECT_DIR

# Folders of apps; what is in a folder within another one belongs to the inner one.
APPS = ("voices", "streaming", "streaming/access", "xtts_site")
KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}
COMMENT = "Translators:"
# A date of its own would make every run a change.
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)


def catalog_file(app: str) -> Path:
    return PROJECT_DIR / app / "locale" / "ru" / "LC_MESSAGES" / "django.po"


def strings_of(app: str) -> Catalog:
    """What the sources of an app have for people."""
    found = Catalog(locale="ru", domain="django", project="xtts-stream-server", fuzzy=False, creation_date=NO_DATE)
    for file in sorted(_sources(app)):
        source = file.read_text()
        if file.suffix == ".html":
            # Python that calls gettext for each string, with the template's lines; what is between them is no Python.
            source = "\n".join(line.strip() for line in templatize(source).splitlines())
        name = file.relative_to(PROJECT_DIR).as_posix()
        for line, message, comments, context in extract("python", io.BytesIO(source.encode()), KEYWORDS, (COMMENT,)):
            found.add(message, None, [(name, line)], auto_comments=comments, context=context)
    return found


def kept(app: str) -> Catalog:
    """The catalog as it is in the repository."""
    file = catalog_file(app)
    if not file.exists():
        return Catalog(locale="ru", domain="django", fuzzy=False)
    with file.open("rb") as content:
        return read_po(content, locale="ru", domain="django")


def compiled(catalog: Catalog) -> bytes:
    content = io.BytesIO()
    write_mo(content, catalog)
    return content.getvalue()


def update(app: str) -> None:
    catalog = kept(app)
    catalog.update(strings_of(app), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.header_comment = "# Russian. `make messages` keeps it in step with the sources."
    catalog.creation_date = catalog.revision_date = NO_DATE
    catalog.project, catalog.version, catalog.fuzzy = "xtts-stream-server", "", False
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    content = io.BytesIO()
    write_po(content, catalog, width=120, sort_output=True, include_lineno=False, omit_header=False)
    file = catalog_file(app)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.getvalue())
    file.with_suffix(".mo").write_bytes(compiled(kept(app)))


def _sources(app: str) -> Iterator[Path]:
    inner = [PROJECT_DIR / other for other in APPS if other.startswith(f"{app}/")]
    for pattern in ("**/*.py", "templates/**/*.html"):
        for file in (PROJECT_DIR / app).glob(pattern):
            if not any(file.is_relative_to(folder) for folder in inner):
                yield file


if __name__ == "__main__":
    for name in APPS:
        update(name)
        empty = [message.id for message in kept(name) if message.id and not message.string]
        sys.stdout.write(f"{name}: {len(kept(name))} strings, {len(empty)} of them not translated\n")
