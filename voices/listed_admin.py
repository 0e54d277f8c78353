"""Pages of the admin that list things: their title is the name of the things."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst

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
