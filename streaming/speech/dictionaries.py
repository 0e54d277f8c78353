"""The pronunciation that a client asks for, from the stored dictionaries."""

from collections.abc import Iterable

from django.db import Error as DatabaseError

from streaming.errors import DatabaseUnavailable, UnknownDictionary
from streaming.text.pronunciation import Alias, Pronouncer
from voices.database import read
from voices.models import PronunciationDictionary


async def load_pronouncer(locators: Iterable[tuple[str, str | None]]) -> Pronouncer:
    """The rules of all these dictionaries, given as (id, version); without a version the newest is meant. Of equal rules the
    first wins. Raises UnknownDictionary, DatabaseUnavailable.
    """
    named = dict.fromkeys(locators)
    if not named:
        return Pronouncer()
    try:
        found = await read(PronunciationDictionary.objects.named, {name for name, _ in named})
    except DatabaseError:
        raise DatabaseUnavailable from None
    return Pronouncer(rule for name, version in named for rule in _rules(found.get(name), name, version))


def _rules(dictionary: PronunciationDictionary | None, name: str, version: str | None) -> list[Alias]:
    if dictionary is None:
        raise UnknownDictionary(f"The pronunciation dictionary {name!r:.100} does not exist.")
    if version not in (None, "", dictionary.version_id):
        raise UnknownDictionary(
            f"The pronunciation dictionary {name!r:.100} has no version {version!r:.100}; its current version is "
            f"{dictionary.version_id!r}."
        )
    return [Alias(*rule.content) for rule in dictionary.rules.all()]
