"""Labels of a voice: a few short texts by name."""

from django.core.exceptions import ValidationError
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
