"""The admin of models whose forms have files that take time to look into."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse

from voices.clip_files import NotSaved, stored_with_rows
from voices.clips import ClipError
from voices.examining import refuse, remembered
from voices.listed_admin import ListedAdmin


class ExaminingAdmin(ListedAdmin):
    """Looks into the files of a form and stores them before the form's transaction, and leaves no file behind that no row
    names."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        answer = super().changeform_view
        if request.method != "POST":
            return _response(answer(request, object_id, form_url, extra_context))
        with remembered(), stored_with_rows():
            try:
                if self._may_save(request, object_id):
                    self.examine(request, object_id)
                return _response(answer(request, object_id, form_url, extra_context))
            except NotSaved as error:
                # The transaction is rolled back. Once more: now the form says so beside the recording.
                refuse(error.file, error.about, ClipError(str(error), "file" if error.file else "trim_start"))
                return _response(answer(request, object_id, form_url, extra_context))

    def _may_save(self, request: HttpRequest, object_id: str | None) -> bool:
        """Who may not must not have files decoded and stored. Django asks only once the transaction has begun."""
        if object_id is None:
            return self.has_add_permission(request)
        found = self.get_object(request, unquote(object_id))
        return found is not None and self.has_change_permission(request, found)

    def examine(self, request: HttpRequest, object_id: str | None) -> None:
        """Look by `once` into the files that the form will look into. What is wrong with them, the form will say. Raises
        NotSaved."""
        raise NotImplementedError


def _response(response: Any) -> HttpResponse:
    answer: HttpResponse = response
    return answer
