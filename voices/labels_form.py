"""Labels in forms: a field for each that clients search for, and lines for all others. They are stored as JSON."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from voices.labels import MOST_LABEL_CHARS, check_labels

# What ElevenLabs' clients search for, and one that most voices there have.
USUAL = {
    "accent": _("Accent"),
    "gender": _("Gender"),
    "age": _("Age"),
    "use_case": _("Use case"),
}
_LONGEST_LINES = 10_000


def parts_of(labels: dict[str, str] | None) -> list[str]:
    """The values of the usual ones, then the lines of all others."""
    labels = labels or {}
    lines = [_shown(f"{name}: {value}") for name, value in labels.items() if name not in USUAL]
    return [*(_shown(labels.get(name, "")) for name in USUAL), "\n".join(lines)]


def labels_in(parts: list[str]) -> dict[str, str]:
    """Raises ValidationError."""
    *usual, lines = parts
    labels = {name: value.strip() for name, value in zip(USUAL, usual, strict=True) if value.strip()}
    for name, value in map(_pair, filter(str.strip, lines.splitlines())):
        if name in labels:
            raise ValidationError(_("The label “%(name)s” is there twice.") % {"name": name})
        labels[name] = value
    return labels


def _pair(line: str) -> tuple[str, str]:
    name, _found, value = line.partition(":")
    if not (name.strip() and value.strip()):
        sentence = _("Write other labels as “name: value”, one on each line. This is not: “%(line).60s”.")
        raise ValidationError(sentence % {"line": line.strip()})
    return name.strip(), value.strip()


def _shown(text: str) -> str:
    """On one line; a page has to be text, which a surrogate is not."""
    return " ".join(text.encode(errors="backslashreplace").decode().splitlines())


class LabelsInput(forms.MultiWidget):
    template_name = "admin/voices/labels_input.html"

    def __init__(self) -> None:
        lines = forms.Textarea(attrs={"rows": 3, "maxlength": _LONGEST_LINES})
        super().__init__([*(forms.TextInput(attrs={"maxlength": MOST_LABEL_CHARS}) for _ in USUAL), lines])

    def decompress(self, value: Any) -> list[str]:
        return parts_of(value)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        names = [*USUAL.values(), _("Other labels, one on each line (name: value)")]
        for part, shown in zip(context["widget"]["subwidgets"], names, strict=True):
            part["label"] = shown
        return context


class LabelsField(forms.MultiValueField):
    widget = LabelsInput

    def __init__(self, **options: Any) -> None:
        fields = [forms.CharField(required=False, max_length=MOST_LABEL_CHARS) for _ in USUAL]
        lines = forms.CharField(required=False, max_length=_LONGEST_LINES)
        super().__init__([*fields, lines], require_all_fields=False, **options)

    def compress(self, data_list: Any) -> dict[str, str]:
        labels = labels_in(data_list) if data_list else {}
        check_labels(labels)
        return labels
