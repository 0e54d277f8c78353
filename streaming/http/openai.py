"""OpenAI's speech endpoint, on the same path as ElevenLabs'."""

import json
from base64 import b64encode
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any, Literal

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from streaming.audio.formats import CONTAINER_FORMATS
from streaming.http.backend import exchange_of
from streaming.http.bodies import Body, parts_of, raw_audio
from streaming.http.fields import OR_DEFAULT, OpenAISpeed, SentObject
from streaming.http.narration import Packets
from streaming.http.speech import AUDIO, Order, speech_response
from streaming.http.speech_schemas import WITHOUT_EFFECT, Temperature, TopK, TopP
from streaming.protocol.dialect import Dialect
from streaming.protocol.parameters import Parameters, parse_parameters
from voices.known_ids import stand_ins

router = Router(tags=["OpenAI"])


class VoiceById(SentObject):
    id: str


class OpenAISpeechBody(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"input": "Hello there.", "voice": "demo"}]})

    input: Annotated[str, Field(min_length=1, description="The text to speak.")]
    voice: Annotated[str | VoiceById, Field(description="The voice_id of a voice, or one of OpenAI's names.")]
    model: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None
    response_format: Annotated[Literal["mp3", "opus", "aac", "flac", "wav", "pcm"], OR_DEFAULT] = "mp3"
    speed: Annotated[OpenAISpeed, Field(description="0.25-4; outside, the nearest one is taken.")] | None = None
    stream_format: Annotated[Literal["audio", "sse"], OR_DEFAULT] = "audio"
    language: (
        Annotated[str, Field(max_length=35, description="Not OpenAI's. For example de. Unset: the voice's language.")]
        | None
    ) = None
    temperature: Temperature | None = None
    top_k: TopK | None = None
    top_p: TopP | None = None
    instructions: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None


@router.post("/speech", openapi_extra=AUDIO, summary="OpenAI-compatible speech")
async def speech(request: HttpRequest, body: OpenAISpeechBody) -> StreamingHttpResponse:
    """With `stream_format` sse: events with parts of the audio in Base64."""
    voice_id = body.voice if isinstance(body.voice, str) else body.voice.id
    order = Order(
        voice_id,
        body.input,
        _parameters(body),
        CONTAINER_FORMATS[body.response_format],
        stand_ins(voice_id, exchange_of(request).backend.config.voices.openai_names),
    )
    if body.stream_format == "sse":
        return await speech_response(request, order, partial(_events, text=body.input), "text/event-stream")
    return await speech_response(request, order, raw_audio, order.output.media_type)


def _parameters(body: OpenAISpeechBody) -> Parameters:
    """Speeds have a range of OpenAI's, the others that of sockets. Raises ProtocolError."""
    values = body.dict(include={"language", "temperature", "top_k", "top_p"})
    return Parameters(speed=body.speed).updated(parse_parameters(values, Dialect.ELEVENLABS))


async def _events(packets: Packets, *, text: str) -> Body:
    seconds = 0.0
    async with aclosing(packets):
        async for packet in packets:
            seconds += packet.seconds
            for part in parts_of(packet.payload):
                audio = b64encode(part).decode("ascii")
                yield f'data: {{"type":"speech.audio.delta","audio":"{audio}"}}\n\n'.encode()
    yield _done(len(text), seconds)


def _done(characters: int, seconds: float) -> bytes:
    """This server has no tokens to report: it gives characters for the text and milliseconds for the audio."""
    spoken = round(seconds * 1000)
    usage = {"input_tokens": characters, "output_tokens": spoken, "total_tokens": characters + spoken}
    return f"data: {json.dumps({'type': 'speech.audio.done', 'usage': usage})}\n\n".encode()
