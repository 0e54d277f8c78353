"""The HTTP API: its routers, its schema, its page."""

import re
from copy import copy
from typing import Any, TypeGuard

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, get_script_prefix
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from streaming.http import account, model_list, openai, openai_lists, speech, voices
from streaming.http.answers import answer_problems_of
from streaming.http.docs import SpeechDocs
from streaming.http.identity import ApiKey
from streaming.http.model_list import OPENAI_MODELS
from streaming.http.page_policy import with_policy
from streaming.http.paths import NAMESPACE, speech_prefix
from streaming.http.views import api_view
from voices.known_ids import DEMO_VOICE_ID

DESCRIPTION = (
    "Text to speech over HTTP, compatible with ElevenLabs and OpenAI. The project's documents describe the WebSocket "
    "endpoints and everything else."
)
BEARER = {"type": "http", "scheme": "bearer"}
# What the page /docs fills in. The voice is one that `setup` makes.
EXAMPLES = {"voice_id": DEMO_VOICE_ID, "model_id": OPENAI_MODELS[0]}
ERROR = {"description": "An error, as JSON", "content": {"application/json": {"schema": {"type": "object"}}}}


class SpeechAPI(NinjaAPI):
    """With what holds for every operation in its schema."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._schema: OpenAPISchema | None = None

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Made once: it takes a tenth of a second, and strangers may ask for it. What a request says to be mounted at is put
        in front of the paths for this request alone: it may be a header of the client's (daphne's Daphne-Root-Path)."""
        if self._schema is None:
            self._schema = self._make_schema()
        mounted_at = get_script_prefix().rstrip("/")
        if not mounted_at:
            return self._schema
        schema = copy(self._schema)
        schema["paths"] = {f"{mounted_at}{path}": methods for path, methods in self._schema["paths"].items()}
        return schema

    def _make_schema(self) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=f"/{speech_prefix()}")
        schema["paths"] = _in_order(schema["paths"])
        schemes = schema["components"]["securitySchemes"]
        # A key may come as a bearer token as well, and a server that needs none may be asked without.
        schemes["Bearer"] = BEARER
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = ERROR
                operation["security"] = [{}, *({name: []} for name in schemes)]
                for parameter in operation.get("parameters", ()):
                    if parameter["name"] in EXAMPLES:
                        parameter["example"] = EXAMPLES[parameter["name"]]
        return schema


def _in_order(paths: dict[str, Any]) -> dict[str, Any]:
    """Group by group, short paths first: what people look for comes before its variants. (Django needs the longer path first
    where a shorter one would match it, too.)"""
    groups = [next(iter(methods.values()))["tags"] for methods in paths.values()]
    group_of = dict(zip(paths, groups, strict=True))
    return dict(sorted(paths.items(), key=lambda item: (groups.index(group_of[item[0]]), len(item[0]))))


api = SpeechAPI(
    title="XTTS streaming server",
    version="1",
    description=DESCRIPTION,
    urls_namespace=NAMESPACE,
    auth=ApiKey(),
    docs=SpeechDocs(),
)
api.add_router("/v1/text-to-speech", speech.router)
api.add_router("/v1/audio", openai.router)
api.add_router("/v1/audio", openai_lists.router)
api.add_router("/v1/voices", voices.router)
api.add_router("/v2/voices", voices.search_router)
api.add_router("/v1/models", model_list.router)
api.add_router("/v1/user", account.user_router)
api.add_router("/v1/single-use-token", account.token_router)
api.add_router("/v1/history", account.history_router)
answer_problems_of(api)


def api_patterns() -> list[URLPattern | URLResolver]:
    """The operations, each with what every operation has, and the pages that describe them."""
    patterns, _, _ = api.urls
    return [_operation(pattern) if _is_operation(pattern) else _page(pattern) for pattern in patterns]


def _is_operation(pattern: URLPattern | URLResolver) -> TypeGuard[URLPattern]:
    return isinstance(pattern, URLPattern) and str(pattern.pattern).startswith(("v1/", "v2/"))


def _operation(pattern: URLPattern) -> URLPattern:
    endpoint = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
    return URLPattern(pattern.pattern, api_view(pattern.callback, endpoint), pattern.default_args, pattern.name)


def _page(pattern: URLPattern | URLResolver) -> URLPattern | URLResolver:
    """Open to everybody, as the operations are to every key, in a project that asks for a login everywhere too."""
    if not isinstance(pattern, URLPattern):
        return pattern
    view = login_not_required(with_policy(pattern.callback))
    return URLPattern(pattern.pattern, view, pattern.default_args, pattern.name)
