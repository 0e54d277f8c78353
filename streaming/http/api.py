"""The HTTP API: its routers, its schema, its page."""

from ninja import NinjaAPI

from streaming.http import account, openai, speech, voices
from streaming.http.answers import answer_problems_of

DESCRIPTION = (
    "Text to speech over HTTP, as ElevenLabs and OpenAI have it. The sockets and everything else are described in the "
    "README."
)

api = NinjaAPI(title="XTTS streaming server", version="1", description=DESCRIPTION, urls_namespace="speech")
api.add_router("/v1/text-to-speech", speech.router)
api.add_router("/v1/voices", voices.router)
api.add_router("/v2/voices", voices.search_router)
api.add_router("/v1/models", account.models_router)
api.add_router("/v1/user", account.user_router)
api.add_router("/v1/single-use-token", account.token_router)
api.add_router("/v1/audio", openai.router)
answer_problems_of(api)
