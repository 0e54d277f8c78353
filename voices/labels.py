"""Labels of a voice: a few short texts by name, which people may write as JSON."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _

MOST_LABELS = 20
MOST_LABEL_CHARS = 100


def check_labels(labels: object) -> None:
    """Raises ValidationError."""
    if not isinstance(labels, dict) or len(labels) > MOST_LABELS:
        raise ValidationError(_("Labels are a JSON object with at most %(most)d names.") % {"most": MOST_LABELS})
    texts = [text for pair in labels.items() for text in pair]
    if not all(isinstance(text, str) and len(text) <= MOST_LABEL_CHARS for text in texts):
        sentence = _("The names and values of labels are strings of at most %(most)d characters.")
        raise ValidationError(sentence % {"most": MOST_LABEL_CHARS})
    if not all(map(_is_storable, texts)):
        raise ValidationError(_("A label contains an unsupported character."))


def _is_storable(text: str) -> bool:
    """Not every database takes surrogates and null characters."""
    return "\0" not in text and text == text.encode(errors="replace").decode()


class LabelsField(forms.JSONField):
    """Django's own fails for brackets within brackets within brackets, and for numbers with thousands of digits."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (RecursionError, ValueError):  # a ValidationError is neither
            raise ValidationError(self.error_messages["invalid"], code="invalid", params={"value": "…"}) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """For the form that is shown again."""
        try:
            return super().bound_data(data, initial)
        except (RecursionError, ValueError):
            return InvalidJSONInput(data)

    def prepare_value(self, value: Any) -> Any:
        """As JSON; what is no text (a surrogate) is written as an escape, for a page has to be text."""
        prepared: str = super().prepare_value(value)
        return prepared if isinstance(value, InvalidJSONInput) else prepared.encode(errors="backslashreplace").decode()
