"""Recordings as phones, browsers and editors write them, made by FFmpeg."""

import io
import tempfile
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

# What files of one codec in one container are like: the options of FFmpeg's muxer.
LIVE: dict[str, Any] = {"live": "1"}
FRAGMENTED: dict[str, Any] = {"movflags": "frag_keyframe+empty_moov"}
FAST_START: dict[str, Any] = {"movflags": "faststart"}


def muxed(
    container: str,
    codec: str,
    *tracks: NDArray[Any],
    rate: int,
    seekable: bool = True,
    with_video: bool = False,
    **options: str,
) -> bytes:
    """Each track is (frames, channels). `seekable`: not written to a pipe, where nothing is ever written into the beginning
    afterwards."""
    if options == FAST_START:  # the muxer opens its own file once more
        with tempfile.NamedTemporaryFile() as written:
            _mux(written.name, container, codec, tracks, rate, with_video, options)
            return written.read()
    sink = io.BytesIO() if seekable else _Pipe()
    _mux(sink, container, codec, tracks, rate, with_video, options)
    return sink.getvalue()


def _mux(
    sink: Any, container: str, codec: str, tracks: Sequence[NDArray[Any]], rate: int, with_video: bool, options: Any
) -> None:
    with av.open(sink, "w", format=container, options=options) as file:
        video = file.add_stream("mpeg4" if container != "webm" else "libvpx", rate=5) if with_video else None
        streams = [_stream(file, codec, rate, track.shape[1]) for track in tracks]
        if isinstance(video, VideoStream):
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for _ in range(round(5 * max(len(track) for track in tracks) / rate) if tracks else 5):
                file.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
            file.mux(video.encode(None))
        for stream, track in zip(streams, tracks, strict=True):
            for frame in _frames(stream, track, rate):
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise OSError("A pipe cannot seek.")


def _stream(file: Any, codec: str, rate: int, channels: int) -> AudioStream:
    stream = file.add_stream(codec, rate=rate)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = _layout(channels)
    stream.codec_context.options = {"strict": "experimental"}
    return stream


def _layout(channels: int) -> str:
    return {1: "mono", 2: "stereo", 6: "5.1"}[channels]


def _frames(stream: AudioStream, samples: NDArray[Any], rate: int) -> Any:
    context = stream.codec_context
    context.open(strict=False)
    packed = np.ascontiguousarray(samples, dtype=np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=_layout(samples.shape[1]))
    frame.sample_rate = rate
    resampler = av.AudioResampler(context.format, context.layout, rate, frame_size=context.frame_size or 1024)
    yield from resampler.resample(frame)
    yield from resampler.resample(None)
