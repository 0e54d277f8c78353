"""How words are said: dictionaries of aliases, found by the ids that clients send."""

import hashlib
import json
import re
import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from voices.examining import once
from voices.lexicon import MAX_BYTES, LexiconError, read_lexicon

# \Z, because $ would let a line break at the end through.
DICTIONARY_ID = re.compile(r"^[A-Za-z0-9_-]+\Z")
# The admin shows a dictionary on one page, and clients may name several.
MAX_RULES = 1000


def new_dictionary_id() -> str:
    return secrets.token_hex(10)


class PronunciationDictionaryQuerySet(models.QuerySet["PronunciationDictionary"]):
    def named(self, ids: set[str]) -> "dict[str, PronunciationDictionary]":
        """The dictionaries of these ids, with their rules loaded. Ids of no dictionary are left out.

        Clients send any text as an id, and not every database takes any text: what cannot be an id is not asked for.
        """
        possible = {name for name in ids if DICTIONARY_ID.match(name)}
        found = self.filter(dictionary_id__in=possible).prefetch_related("rules")
        return {dictionary.dictionary_id: dictionary for dictionary in found}


class PronunciationDictionary(models.Model):
    dictionary_id = models.CharField(
        _("dictionary ID"),
        max_length=64,
        unique=True,
        default=new_dictionary_id,
        validators=[RegexValidator(DICTIONARY_ID, _("Use only letters, digits, - and _."))],
        help_text=_("The pronunciation_dictionary_id that clients send in a locator."),
    )
    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last changed"), auto_now=True)

    objects = PronunciationDictionaryQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("pronunciation dictionary")
        verbose_name_plural = _("pronunciation dictionaries")

    def __str__(self) -> str:
        return f"{self.name} ({self.dictionary_id})"

    @property
    def version_id(self) -> str:
        """Names the rules: equal rules, equal version."""
        rules = [rule.content for rule in self.rules.all()]
        return hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:20]


class PronunciationRule(models.Model):
    """An alias. Names as ElevenLabs has them."""

    dictionary = models.ForeignKey(PronunciationDictionary, on_delete=models.CASCADE, related_name="rules")
    string_to_replace = models.CharField(_("written"), max_length=200, help_text=_("The word as it is written."))
    alias = models.CharField(
        _("spoken"), max_length=250, help_text=_("The words to say instead. Phonetic symbols are not supported.")
    )
    case_sensitive = models.BooleanField(
        _("case sensitive"), default=True, help_text=_("Distinguish upper and lower case.")
    )
    word_boundaries = models.BooleanField(_("whole words"), default=True, help_text=_("Match whole words only."))

    class Meta:
        ordering = ("pk",)
        verbose_name = _("pronunciation rule")
        verbose_name_plural = _("pronunciation rules")
        constraints = (
            models.UniqueConstraint(
                fields=("dictionary", "string_to_replace"),
                name="one_rule_per_string",
                violation_error_message=_("A rule for this word already exists."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.string_to_replace} → {self.alias}"

    @property
    def content(self) -> tuple[str, str, bool, bool]:
        return self.string_to_replace, self.alias, self.case_sensitive, self.word_boundaries

    def clean(self) -> None:
        super().clean()
        for name in ("string_to_replace", "alias"):
            if "\0" in getattr(self, name):
                raise ValidationError({name: _("It contains an unsupported character.")})


def aliases_of(file: Any) -> dict[str, str]:
    """What is written -> what is said, of an uploaded lexicon, fit for rules. Raises LexiconError."""
    return once(file, lambda: _fit_for_rules(read_lexicon(file.read(MAX_BYTES + 1))))


def too_many_rules(count: int) -> str:
    """Of a file that has more than fit into a dictionary."""
    sentence = ngettext(
        "The file has %(count)d rule; a dictionary may have at most %(most)d.",
        "The file has %(count)d rules; a dictionary may have at most %(most)d.",
        count,
    )
    return sentence % {"count": count, "most": MAX_RULES}


def _fit_for_rules(aliases: dict[str, str]) -> dict[str, str]:
    if len(aliases) > MAX_RULES:
        raise LexiconError(too_many_rules(len(aliases)))
    for written, spoken in aliases.items():
        try:
            PronunciationRule(string_to_replace=written, alias=spoken).clean_fields(exclude=["dictionary"])
        except ValidationError as error:
            raise LexiconError(f"“{written:.50}”: {' '.join(error.messages)}") from None
    return aliases


def import_aliases(dictionary: PronunciationDictionary, aliases: dict[str, str]) -> None:
    """Add a rule for each; what has one already gets its new alias."""
    rules: list[Any] = [
        PronunciationRule(dictionary=dictionary, string_to_replace=written, alias=spoken)
        for written, spoken in aliases.items()
    ]
    PronunciationRule.objects.bulk_create(
        rules, update_conflicts=True, update_fields=["alias"], unique_fields=["dictionary", "string_to_replace"]
    )
