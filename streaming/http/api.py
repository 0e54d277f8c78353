"""The HTTP API: its routers, its schema, its page."""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from streaming.http import account, openai, speech, voices
from streaming.http.answers import answer_problems_of
from streaming.http.backend import require_identity

DESCRIPTION = (
    "Text to speech over HTTP, as ElevenLabs and OpenAI have it. The sockets and everything else are described in the "
    "README."
)
# Two ways to bring a key, and none, for a server that needs none.
KEYS = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "xi-api-key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}
ERROR = {"description": "An error, as JSON", "content": {"application/json": {"schema": {"type": "object"}}}}


class SpeechAPI(NinjaAPI):
    """With what holds for every operation in its schema."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        schema["components"]["securitySchemes"] = KEYS
        schema["security"] = [{}, *({name: []} for name in KEYS)]
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = ERROR
        return schema


api = SpeechAPI(
    title="XTTS streaming server",
    version="1",
    description=DESCRIPTION,
    urls_namespace="speech",
    auth=require_identity,
)
api.add_router("/v1/text-to-speech", speech.router)
api.add_router("/v1/voices", voices.router)
api.add_router("/v2/voices", voices.search_router)
api.add_router("/v1/models", account.models_router)
api.add_router("/v1/user", account.user_router)
api.add_router("/v1/single-use-token", account.token_router)
api.add_router("/v1/audio", openai.router)
answer_problems_of(api)
