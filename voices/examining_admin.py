"""The admin of models whose forms have files that take time to look into."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from voices.examining import UNUSABLE

if TYPE_CHECKING:
    AdminBase = admin.ModelAdmin[Any]
else:  # this class takes no parameters when it runs
    AdminBase = admin.ModelAdmin


class ExaminingAdmin(AdminBase):
    """Looks into the files of a form before the form's transaction."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        may_post = self.has_add_permission(request) or self.has_change_permission(request)
        if request.method == "POST" and may_post:
            for file in request.FILES.values():
                with suppress(*UNUSABLE):  # the form will say so
                    self.examine(file)
        response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        return response

    def examine(self, file: Any) -> None:
        """Look into it by `once`, in the way that the form will. May raise what UNUSABLE has."""
        raise NotImplementedError
