"""The sockets that there are."""

from streaming.protocol.multi_stream_input import MultiStreamInput
from streaming.protocol.stream_input import StreamInput
from streaming.sockets.consumers import SpeechConsumer


class StreamInputConsumer(SpeechConsumer):
    """`stream-input`."""

    session_type = StreamInput
    endpoint = "/v1/text-to-speech/{voice_id}/stream-input"


class MultiStreamInputConsumer(SpeechConsumer):
    """`multi-stream-input`."""

    session_type = MultiStreamInput
    endpoint = "/v1/text-to-speech/{voice_id}/multi-stream-input"
