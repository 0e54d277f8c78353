"""The admin of models whose forms have files that take time to look into."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    AdminBase = admin.ModelAdmin[Any]
else:  # this class takes no parameters when it runs
    AdminBase = admin.ModelAdmin


class ExaminingAdmin(AdminBase):
    """Looks into the files of a form before the form's transaction."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method == "POST":
            self.examine(request)
        response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        return response

    def examine(self, request: HttpRequest) -> None:
        """Look by `once` into the files that the form will look into. What is wrong with them, the form will say."""
        raise NotImplementedError
