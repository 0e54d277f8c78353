"""The admin's page of a dictionary shows its rules in pages of their own: a thousand rows in one form take seconds."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

from django import forms
from django.contrib import admin
from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from voices.dictionaries import MAX_RULES, aliases_of, import_aliases, too_many_rules
from voices.examining import UNUSABLE
from voices.examining_admin import ExaminingAdmin
from voices.lexicon import LexiconError
from voices.models import PronunciationDictionary, PronunciationRule

RULES_ON_A_PAGE = 50
# In the page's address.
PAGE, SEARCH = "rules", "rule"


class RuleCount(TypedDict):
    rule_count: int


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    RuleInlineBase = admin.TabularInline[PronunciationRule, PronunciationDictionary]
    RuleFormSetBase = forms.BaseInlineFormSet[PronunciationRule, PronunciationDictionary, Any]
    DictionaryFormBase = forms.ModelForm[PronunciationDictionary]
    DictionaryWithCount = WithAnnotations[PronunciationDictionary, RuleCount]
else:  # these classes take no parameters when they run
    RuleInlineBase = admin.TabularInline
    RuleFormSetBase = forms.BaseInlineFormSet
    DictionaryFormBase = forms.ModelForm


class RuleFormSet(RuleFormSetBase):
    """The rules of one page; or, of what somebody posts, the rules that were on it: others may have come meanwhile."""

    address: dict[str, str] = {}  # noqa: RUF012 - of the page, set in subclasses

    @cached_property
    def page(self) -> Page[PronunciationRule]:
        rules = self.queryset.order_by("pk")  # type: ignore[union-attr]
        if word := self.searched:
            rules = rules.filter(Q(string_to_replace__icontains=word) | Q(alias__icontains=word))
        return Paginator(rules, RULES_ON_A_PAGE).get_page(self.address.get(PAGE))

    @property
    def searched(self) -> str:
        return self.address.get(SEARCH, "").replace("\0", "")

    def get_queryset(self) -> Any:
        if not hasattr(self, "_rules"):
            self._rules = self._posted() if self.is_bound else list(self.page)
        return self._rules

    def _posted(self) -> list[PronunciationRule]:
        pks = [self.data.get(f"{self.prefix}-{number}-id", "") for number in range(self.initial_form_count())]
        wanted = [int(pk) for pk in pks if pk.isdecimal() and len(pk) < 19]
        return list(self.queryset.filter(pk__in=wanted))  # type: ignore[union-attr]

    def clean(self) -> None:
        super().clean()
        changed = [form for form in self.forms if form not in self.deleted_forms and form.has_changed()]
        self._refuse_words_of_other_pages(changed)
        self._refuse_too_many([form for form in changed if form.instance.pk is None])

    def _refuse_words_of_other_pages(self, changed: list[Any]) -> None:
        """Django compares the rows of a form with each other."""
        words = {form.cleaned_data.get("string_to_replace"): form for form in changed if form.is_valid()}
        shown = [form.instance.pk for form in self.initial_forms]
        others = self._stored.exclude(pk__in=shown).filter(string_to_replace__in=[*words])
        for word in others.values_list("string_to_replace", flat=True):
            words[word].add_error("string_to_replace", _("A rule for this word already exists."))

    def _refuse_too_many(self, new: list[Any]) -> None:
        count = self._stored.count() - len(self.deleted_forms) + len(new)
        if new and count > MAX_RULES:
            sentence = _("A dictionary may have at most %(most)d rules; this would be %(count)d.")
            raise forms.ValidationError(sentence % {"most": MAX_RULES, "count": count})

    @property
    def _stored(self) -> "QuerySet[PronunciationRule]":
        return PronunciationRule.objects.filter(dictionary=self.instance.pk)


class PronunciationRuleInline(RuleInlineBase):
    model = PronunciationRule
    formset = RuleFormSet
    template = "admin/voices/rules.html"
    extra = 3
    max_num = MAX_RULES
    # Within Django's words for the button.
    verbose_name = pgettext_lazy("add another …", "rule")
    verbose_name_plural = gettext_lazy("Rules: a word and how to pronounce it (“GIF”, “jif”)")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        return type(formset.__name__, (formset,), {"address": request.GET.dict()})


class DictionaryForm(DictionaryFormBase):
    lexicon = forms.FileField(
        required=False,
        label=gettext_lazy("Import"),
        help_text=gettext_lazy("A pronunciation lexicon (.pls) with aliases. They are added to the rules below."),
        widget=forms.FileInput(attrs={"accept": ".pls,.xml"}),
    )

    class Meta:
        model = PronunciationDictionary
        fields = ("dictionary_id", "name")

    def clean_lexicon(self) -> dict[str, str]:
        """What is written -> what is said."""
        file = self.cleaned_data["lexicon"]
        if file is None:
            return {}
        try:
            aliases = aliases_of(file)
        except LexiconError as error:
            raise forms.ValidationError(str(error)) from None
        there = self.instance.rules.count() if self.instance.pk else 0
        if there + len(aliases) > MAX_RULES:
            raise forms.ValidationError(too_many_rules(len(aliases)))
        return aliases


@admin.register(PronunciationDictionary)
class PronunciationDictionaryAdmin(ExaminingAdmin):
    form = DictionaryForm
    list_display = ("name", "dictionary_id", "version", "rule_count", "updated_at")
    search_fields = ("dictionary_id", "name", "rules__string_to_replace")
    fields = ("dictionary_id", "version", "name", "lexicon")
    readonly_fields = ("version",)
    inlines = (PronunciationRuleInline,)

    def examine(self, request: HttpRequest, object_id: str | None) -> None:
        if (file := request.FILES.get("lexicon")) and self._may_import(request, None):
            with suppress(*UNUSABLE):
                aliases_of(file)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if not self._may_import(request, obj):
            del form.base_fields["lexicon"]  # not shown is not enough: a form may be posted by anything
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        return fields if self._may_import(request, obj) else [name for name in fields if name != "lexicon"]

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Who finds by a rule, sees it."""
        fields = super().get_search_fields(request)
        may_see = PronunciationRuleInline(PronunciationDictionary, self.admin_site).has_view_permission(request)
        return fields if may_see else [name for name in fields if not name.startswith("rules__")]

    def _may_import(self, request: HttpRequest, dictionary: PronunciationDictionary | None) -> bool:
        """An imported file adds rules and changes rules, which are rights of their own."""
        rules = PronunciationRuleInline(PronunciationDictionary, self.admin_site)
        return rules.has_add_permission(request, dictionary) and rules.has_change_permission(request, dictionary)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PronunciationDictionary]:
        dictionaries: QuerySet[PronunciationDictionary] = super().get_queryset(request)
        return dictionaries.annotate(rule_count=Count("rules", distinct=True)).prefetch_related("rules")

    def response_change(self, request: HttpRequest, obj: PronunciationDictionary) -> HttpResponse:
        """ "Save and continue" goes on with the same page of rules."""
        response: HttpResponse = super().response_change(request, obj)
        if "_continue" in request.POST and (query := request.GET.urlencode()):
            response["Location"] = f"{response['Location'].partition('?')[0]}?{query}"
        return response

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        import_aliases(form.instance, form.cleaned_data.get("lexicon", {}))

    @admin.display(description=gettext_lazy("Version"))
    def version(self, dictionary: PronunciationDictionary) -> str:
        """What clients may name as version_id. It changes with the rules."""
        return "" if dictionary.pk is None else dictionary.version_id

    @admin.display(description=gettext_lazy("Rules"), ordering="rule_count")
    def rule_count(self, dictionary: "DictionaryWithCount") -> int:
        return dictionary.rule_count
