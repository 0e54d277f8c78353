"""The admin of models whose forms have files that take time to look into."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from voices.clip_files import FileNotStored, stored_with_rows
from voices.clips import ClipError
from voices.examining import refuse, remembered
from voices.listed_admin import ListedAdmin


class ExaminingAdmin(ListedAdmin):
    """Looks into the files of a form before the form's transaction, and leaves no file behind that no row names."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        answer = super().changeform_view
        if request.method != "POST":
            return _response(answer(request, object_id, form_url, extra_context))
        with remembered(), stored_with_rows():
            self.examine(request)
            try:
                return _response(answer(request, object_id, form_url, extra_context))
            except FileNotStored as error:
                # The transaction is rolled back. Once more: now the form says so beside the recording.
                refuse(error.file, error.about, ClipError(str(error)))
                return _response(answer(request, object_id, form_url, extra_context))

    def examine(self, request: HttpRequest) -> None:
        """Look by `once` into the files that the form will look into. What is wrong with them, the form will say."""
        raise NotImplementedError


def _response(response: Any) -> HttpResponse:
    answer: HttpResponse = response
    return answer
