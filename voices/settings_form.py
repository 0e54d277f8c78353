"""The settings of a voice in its form."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from voices import speech_hook
from voices.free_ids import free_id
from voices.labels_form import LabelsField
from voices.models import Voice

if TYPE_CHECKING:
    SettingsFormBase = forms.ModelForm[Voice]
else:  # this class takes no parameters when it runs
    SettingsFormBase = forms.ModelForm


class SuggestingInput(forms.TextInput):
    """A text that may be one of those that are suggested: value -> what people call it."""

    template_name = "admin/voices/suggesting_input.html"

    def __init__(self, suggestions: dict[str, str], list_id: str) -> None:
        super().__init__({"maxlength": 10, "autocomplete": "off", "list": list_id})
        self.suggestions = suggestions

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        return {**context, "suggestions": self.suggestions}


class SettingsForm(SettingsFormBase):
    labels = LabelsField(required=False, label=_("Labels"), help_text=_("Clients can search for them."))

    class Meta:
        model = Voice
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "language" in self.fields:  # nothing is in the form of those who may only see
            names = {code: _language_name(code) for code in spoken_languages()}
            self.fields["language"].widget = SuggestingInput(names, "spoken-languages")
        if "voice_id" in self.fields:
            self.fields["voice_id"].required = False
            help_text = _("The voice_id that clients use in URLs. Empty: one is made from the name.")
            self.fields["voice_id"].help_text = help_text

    def clean_labels(self) -> Any:
        """What nobody has changed stays as it is, also where lines cannot say it."""
        return self.cleaned_data["labels"] if "labels" in self.changed_data else self.instance.labels

    def clean_language(self) -> str:
        language: str = self.cleaned_data["language"]
        languages = spoken_languages()
        if language in ("", self.instance.language) or not languages:
            return language  # what nobody changes, nobody has to correct
        if not {language.lower(), _main(language)} & {*languages, *map(_main, languages)}:
            sentence = _("The engine does not speak “%(language)s”. Its languages are: %(languages)s.")
            raise ValidationError(sentence % {"language": language, "languages": ", ".join(sorted(languages))})
        return language

    def clean_voice_id(self) -> str:
        voice_id: str = self.cleaned_data["voice_id"]
        return voice_id or self.instance.voice_id or free_id(str(self.data.get("name", "")))


def spoken_languages() -> tuple[str, ...]:
    """Empty: the engine is not known yet."""
    engine = speech_hook.engine()
    return engine.languages if engine else ()


def _main(language: str) -> str:
    """Without the region."""
    return language.lower().split("-")[0]


def _language_name(code: str) -> str:
    """In the language of the page, if Django knows it."""
    for known in (code, _main(code)):
        try:
            return str(get_language_info(known)["name_translated"])
        except KeyError:
            continue
    return code
