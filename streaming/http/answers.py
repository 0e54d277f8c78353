"""Problems as responses, each API in its own shape."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from streaming import errors
from streaming.http.backend import SCOPE_KEY, Exchange
from streaming.http.problems import Problem, not_found, problem_of
from streaming.http.vendors import is_for_openai
from streaming.logs.request_id import REQUEST_ID_KEY

# Said of every JSON of the API, before a project's LocaleMiddleware names the language of its pages.
LANGUAGE = "en"


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    note_problem(request, problem.code)
    in_words = Problem.in_openais_words if is_for_openai(request) else Problem.in_elevenlabs_words
    headers = dict(problem.headers) | {"Content-Language": LANGUAGE}
    request_id = getattr(request, "scope", {}).get(REQUEST_ID_KEY, "")
    return JsonResponse(in_words(problem, request_id), status=problem.status, headers=headers)


def note_problem(request: HttpRequest, code: str) -> None:
    """In the record of the request, if it has one."""
    exchange: Exchange | None = getattr(request, "scope", {}).get(SCOPE_KEY)
    if exchange:
        exchange.record.result = errors.name_of(code)


def answer_problems_of(api: NinjaAPI) -> None:
    """Whatever a view raises becomes JSON."""

    def handle(request: HttpRequest, error: Any) -> HttpResponse:
        return _answer_to(request, error)

    # Each of these has a handler of the library's own, which a handler for all exceptions does not replace.
    for kind in (Exception, Http404, HttpError, ValidationError):
        api.add_exception_handler(kind, handle)


def _answer_to(request: HttpRequest, error: Exception) -> HttpResponse:
    match error:
        case ValidationError():
            return _answer_to_validation(request, error.errors)
        case HttpError():  # the body is no JSON, or not of the kind that is asked for
            return answer(request, Problem(error.status_code, errors.INVALID_MESSAGE, f"{error.message}."))
        case RequestDataTooBig():
            return answer(request, Problem(413, "request_too_large", "The request body is too large."))
        case SuspiciousOperation() | MultiPartParserError():
            return answer(request, Problem(400, errors.INVALID_MESSAGE, f"The form cannot be read: {error}"))
        case Http404():
            return answer(request, not_found(request.path))
    return answer(request, problem_of(error))


def _answer_to_validation(request: HttpRequest, found: Sequence[dict[str, Any]]) -> HttpResponse:
    """422 with FastAPI's list, which ElevenLabs' clients know; 400 with the first of it in OpenAI's words."""
    faults = [{"loc": _place(fault["loc"]), "msg": fault["msg"], "type": fault["type"]} for fault in found]
    if not is_for_openai(request):
        note_problem(request, errors.INVALID_PARAMETER)
        return JsonResponse({"detail": faults}, status=422)
    param = ".".join(map(str, faults[0]["loc"][1:])) or None
    message = f"{param or 'The body'}: {faults[0]['msg']}."
    return answer(request, Problem(400, errors.INVALID_PARAMETER, message, param))


def _place(loc: Sequence[Any]) -> list[Any]:
    """The library names the argument of the view as well: (body, body, text)."""
    return ["body", *loc[2:]] if tuple(loc[:2]) == ("body", "body") else list(loc)
