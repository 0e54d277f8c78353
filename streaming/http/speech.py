"""ElevenLabs' four speech endpoints (docs/http.md, from What clients call to What responses must have)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router

from streaming import errors
from streaming.audio.formats import HTTP_FORMATS, OutputFormat
from streaming.http.backend import exchange_of
from streaming.http.bodies import Body, raw_audio, timed_lines, timed_object
from streaming.http.narration import Packets, begun, cost_of_all, or_silence, utterances
from streaming.http.problems import Problem
from streaming.http.speech_schemas import SpeechBody, SpeechQuery, TimedAudio
from streaming.protocol.dialect import Dialect
from streaming.protocol.parameters import Parameters, parse_parameters
from voices.models import Voice

router = Router(tags=["Text to speech"])
AUDIO = {
    "responses": {
        200: {"description": "The audio", "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}}}
    }
}
LINES = {"responses": {200: {"description": "One JSON object on each line", "content": {"application/x-ndjson": {}}}}}


@router.post("/{path:voice_id}/stream/with-timestamps", openapi_extra=LINES, summary="Stream speech with timestamps")
async def stream_with_timestamps(
    request: HttpRequest, voice_id: str, body: SpeechBody, query: Query[SpeechQuery]
) -> StreamingHttpResponse:
    """Like `/stream`, as JSON: one object per line, with a part of the audio and the characters that start in it."""
    return await _answer(request, voice_id, body, query, timed_lines, "application/x-ndjson")


@router.post("/{path:voice_id}/with-timestamps", response=TimedAudio, summary="Speech with timestamps")
async def convert_with_timestamps(
    request: HttpRequest, voice_id: str, body: SpeechBody, query: Query[SpeechQuery]
) -> StreamingHttpResponse:
    """The whole audio and the time of each character, as one JSON object."""
    return await _answer(request, voice_id, body, query, timed_object, "application/json")


@router.post("/{path:voice_id}/stream", openapi_extra=AUDIO, summary="Stream speech")
async def stream(
    request: HttpRequest, voice_id: str, body: SpeechBody, query: Query[SpeechQuery]
) -> StreamingHttpResponse:
    """Audio, sent as it is generated. An error after the first sound aborts the connection."""
    return await _answer(request, voice_id, body, query, raw_audio)


@router.post("/{path:voice_id}", openapi_extra=AUDIO, summary="Speech")
async def convert(
    request: HttpRequest, voice_id: str, body: SpeechBody, query: Query[SpeechQuery]
) -> StreamingHttpResponse:
    """The same as `/stream`."""
    return await _answer(request, voice_id, body, query, raw_audio)


async def _answer(
    request: HttpRequest,
    voice_id: str,
    body: SpeechBody,
    query: SpeechQuery,
    form: Callable[[Packets], Body],
    media_type: str | None = None,
) -> StreamingHttpResponse:
    # One object is complete when everything is known.
    is_patient = form is timed_object
    order = Order(voice_id, body.text, _parameters(body), _output(query.output_format), is_patient=is_patient)
    return await speech_response(request, order, form, media_type or order.output.media_type)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be spoken, and how. `stand_ins`: the voices that speak where there is none of that id. `is_patient`: the
    times of characters need not come with their sound."""

    voice_id: str
    text: str
    parameters: Parameters
    output: OutputFormat
    stand_ins: tuple[str, ...] = ()
    is_patient: bool = False


async def speech_response(
    request: HttpRequest, order: Order, form: Callable[[Packets], Body], media_type: str
) -> StreamingHttpResponse:
    """A response whose status is certain: the first packet is there. Raises Problem and SpeechError."""
    exchange = exchange_of(request)
    backend = exchange.backend
    _check_text(order.text, backend.config.limits.max_request_chars)
    voice = await backend.find_voice(order.voice_id, exchange.caller.client, order.stand_ins)
    return await response_in(voice, request, order, form, media_type)


async def response_in(
    voice: Voice, request: HttpRequest, order: Order, form: Callable[[Packets], Body], media_type: str
) -> StreamingHttpResponse:
    """The same, in a voice that is there already. Raises Problem and SpeechError."""
    exchange = exchange_of(request)
    items = utterances(order.text, order.parameters)
    packets = exchange.backend.speak(
        exchange.caller, voice, items, order.output, exchange.record, is_patient=order.is_patient
    )
    packets = or_silence(packets, order.output)
    beginning = asyncio.ensure_future(begun(packets))
    exchange.closing.push_async_callback(_end, beginning, packets)
    body = form(await beginning)
    # Django closes no asynchronous iterator, and one that was never begun does not close what it reads from.
    exchange.closing.push_async_callback(body.aclose)
    return StreamingHttpResponse(body, content_type=media_type, headers={"character-cost": str(cost_of_all(items))})


async def _end(beginning: "asyncio.Future[Packets]", packets: Packets) -> None:
    """Even while the view still waits for the first packet, on a thread say, where no cancellation reaches it."""
    beginning.cancel()
    await asyncio.wait([beginning])
    await packets.aclose()


def _check_text(text: str, most: int) -> None:
    """Raises Problem."""
    if len(text) > most:
        message = f"The text has {len(text)} characters; a request may have at most {most}."
        raise Problem(400, errors.TOO_MUCH_TEXT, message)


def _output(name: str) -> OutputFormat:
    if output := HTTP_FORMATS.get(name):
        return output
    known = ", ".join(sorted(HTTP_FORMATS))
    message = f"output_format {name!r:.100} is not supported here; the formats are {known}."
    raise Problem(400, "invalid_output_format", message, "output_format")


def _parameters(body: SpeechBody) -> Parameters:
    """By the sockets' own rules. Raises ProtocolError."""
    values = body.dict(
        include={"language", "language_code", "seed", "pronunciation_dictionary_locators", "apply_text_normalization"}
    )
    settings = body.voice_settings.dict() if body.voice_settings else {}
    generation = body.generation_config.dict() if body.generation_config else {}
    return Parameters().updated(parse_parameters(settings | values | generation, Dialect.ELEVENLABS))
