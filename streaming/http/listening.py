"""A sentence in a voice, for the admin's button. Its page asks the admin, which knows who may hear a voice, for a ticket,
and this address for the speech: so the admin may be any project's, behind whatever sign-in, and in another process.
"""

from collections.abc import Mapping

from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, URLPattern, reverse
from django.urls.resolvers import RoutePattern

from streaming.access.identity import ANYBODY
from streaming.audio.formats import HTTP_FORMATS
from streaming.conf import get_config
from streaming.http.answers import answer
from streaming.http.backend import exchange_of
from streaming.http.bodies import raw_audio
from streaming.http.entrance import KNOWN_KEY
from streaming.http.paths import NAMESPACE
from streaming.http.problems import Problem, problem_of
from streaming.http.speech import Order, response_in
from streaming.http.views import api_view
from streaming.protocol.parameters import Parameters
from streaming.speech.sentences import sentence_in
from voices import speech_hook
from voices.database import read
from voices.models import Voice
from voices.speech_hook import Ticket

PATH_NAME = "listen"
# A page uses its ticket at once.
TICKET_SECONDS = 60
OUTPUT = HTTP_FORMATS["pcm_24000"]
_SALT = "streaming.listening"


class Listening:
    """What `voices.speech_hook` asks for."""

    def ticket(self, user_pk: object, voice_pk: int, clip_pk: int | None) -> Ticket | None:
        try:
            address = reverse(f"{NAMESPACE}:{PATH_NAME}")
        except NoReverseMatch:
            return None
        return Ticket(address, signing.dumps([str(user_pk), voice_pk, clip_pk], salt=_SALT))

    def settings(self) -> Mapping[str, object]:
        model = get_config().model
        sampling = {name: getattr(model, name) for name in ("temperature", "top_k", "top_p", "repetition_penalty")}
        return {"language": model.language, "speed": 1.0, **sampling, "reference_seconds": model.max_ref_length}


def listening_pattern() -> URLPattern:
    """Below the prefix of the API, but no operation of it: no client needs it. Where there is one, the admin has buttons."""
    speech_hook.offer(Listening())
    return URLPattern(RoutePattern("v1/listen", is_endpoint=True), api_view(listen, "/v1/listen"), name=PATH_NAME)


async def listen(request: HttpRequest) -> HttpResponseBase:
    """The sentence as it is made: 16-bit mono samples at 24 kHz. Usage and limits count it like speech that is requested
    without a key."""
    try:
        return await _listen(request)
    except Exception as error:
        return answer(request, problem_of(error))


async def _listen(request: HttpRequest) -> HttpResponseBase:
    """Raises Problem and SpeechError."""
    if request.method != "POST":
        problem = Problem(405, "method_not_allowed", "Speech for the admin is asked for with POST.")
        problem.headers = {"Allow": "POST"}
        raise problem
    voice = await read(_voice_of, *_read(request.POST.get("ticket", "")))
    exchange = exchange_of(request)
    exchange.identify(ANYBODY)
    if is_known := request.scope.get(KNOWN_KEY):  # type: ignore[attr-defined] # over ASGI
        is_known()
    text = sentence_in(voice.language or exchange.backend.config.model.language)
    response = await response_in(
        voice, request, Order(voice.voice_id, text, Parameters(), OUTPUT), raw_audio, "audio/pcm"
    )
    response["Cache-Control"] = "no-store"
    return response


def _read(ticket: str) -> tuple[int, int | None]:
    """Raises Problem."""
    try:
        _, voice_pk, clip_pk = signing.loads(ticket, salt=_SALT, max_age=TICKET_SECONDS)
    except signing.BadSignature:
        raise Problem(403, "invalid_ticket", "This page was open for too long; press the button again.") from None
    return voice_pk, clip_pk


def _voice_of(voice_pk: int, clip_pk: int | None) -> Voice:
    """With all of its recordings, or with that one alone. Raises Problem."""
    voice = Voice.objects.filter(pk=voice_pk).to_speak(clip_pk).first()
    if voice is None or (clip_pk is not None and not voice.clips.all()):
        raise Problem(404, "voice_not_found", "This voice or recording does not exist any more.")
    return voice
