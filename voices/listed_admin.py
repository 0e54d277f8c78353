"""Pages of the admin that list things: their title is the name of the things."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    AdminBase = admin.ModelAdmin[Any]
else:  # this class takes no parameters when it runs
    AdminBase = admin.ModelAdmin


class ListedAdmin(AdminBase):
    """Django has an order as the title ("Select usage by day to view"), which few names fit into, and fewer in Russian."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = {"title": capfirst(str(self.opts.verbose_name_plural))}
        response: HttpResponse = super().changelist_view(request, title | (extra_context or {}))
        return response


class ValuesFilter(admin.AllValuesFieldListFilter):
    """By the values that there are. Django shows a link without a name for one that is empty."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield choice | {"display": choice["display"] or _("not set")}
