"""The sound of a file, decoded by FFmpeg, and how much of it cannot be. Imported in the process of `decode_child` only."""

import io
from collections.abc import Iterable, Iterator
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from voices.lost_sound import LostSound

Samples = NDArray[np.float32]

# What phones, browsers, recorders and editors write. FFmpeg has some hundred decoders more.
CODECS = (
    *("mp3", "mp3float", "mp2", "mp2float", "mp1", "mp1float", "aac", "opus", "vorbis", "flac", "alac", "speex"),
    *("amrnb", "amrwb", "gsm", "gsm_ms", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "pcm_u8", "pcm_s8"),
    *("pcm_alaw", "pcm_mulaw", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
    *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"),
)
_FLOATS = ("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be")
# Packets that may bring no sound: damaged ones, AMR's for silence (20 ms in a single byte), those of pictures. A film of the
# greatest length has far fewer, and a small file can have millions.
MOST_PACKETS_WITHOUT_SOUND = 50_000
# FLAC has checksums, which FFmpeg looks at only if it is told to.
_OPTIONS = {"flac": {"err_detect": "crccheck+explode"}}


class NotAudio(Exception):
    """FFmpeg cannot open the file."""


class NoSound(Exception):
    """There is no track of sound, as in a film without one."""


class UnknownCodec(Exception):
    """The message is FFmpeg's name of the codec."""


class SoundFile:
    """`sample_rate` in Hz and `channels` are those of the track that is read. `declared_seconds`: its length by the file,
    None if the file does not say. `has_headroom`: samples beyond full scale are no fault of the recording."""

    def __init__(self, content: bytes, demuxer: str) -> None:
        """Raises NotAudio, NoSound, UnknownCodec."""
        self._file = _opened(content, demuxer)
        self._track = _track(self._file.streams.audio)
        context = self._track.codec_context
        context.thread_count = 1
        context.options = _OPTIONS.get(context.name, {})
        self.sample_rate, self.channels = context.sample_rate, context.channels
        self.has_headroom = context.name in _FLOATS
        self._lost = LostSound(content, demuxer, self._file, self._track)
        self._resampler: tuple[Any, AudioResampler] | None = None

    def __enter__(self) -> "SoundFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def declared_seconds(self) -> float | None:
        return self._lost.declared_seconds

    def blocks(self, size: int) -> Iterator[Samples]:
        """The sound in blocks of `size` frames, the last one shorter: (frames, channels), 1.0 for full scale."""
        waiting: list[Samples] = []
        count = 0
        for frame in self._frames():
            samples = self._samples(frame)
            waiting.append(samples)
            count += len(samples)
            if count >= size:
                joined = np.concatenate(waiting)
                whole = count // size * size
                yield from np.split(joined[:whole], count // size)
                waiting, count = [joined[whole:]], count - whole
        if count:
            yield np.concatenate(waiting)

    def lost_seconds(self) -> float:
        """How much of the sound could not be read, once all blocks have been."""
        return self._lost.seconds()

    def _frames(self) -> Iterator[AudioFrame]:
        without_sound = 0
        try:
            for packet in self._file.demux():
                self._lost.note(packet)
                is_ours = packet.stream_index == self._track.index
                frames = self._decoded(cast("Packet[AudioStream]", packet)) if is_ours else []
                yield from frames
                without_sound += not frames
                if without_sound > MOST_PACKETS_WITHOUT_SOUND:
                    self._lost.note_end_by_error()
                    return
        except MemoryError:
            raise
        except av.FFmpegError:
            self._lost.note_end_by_error()

    def _decoded(self, packet: "Packet[AudioStream]") -> list[AudioFrame]:
        try:
            frames = self._track.decode(packet)
        except MemoryError:
            raise
        except av.FFmpegError:
            self._lost.note_unreadable(packet)
            return []
        self._lost.note_read(packet, sum(frame.samples / frame.sample_rate for frame in frames))
        return frames

    def _samples(self, frame: AudioFrame) -> Samples:
        """(frames, channels) at the rate and with the channels of the beginning, whatever joined files have later."""
        kind = (frame.sample_rate, frame.layout.nb_channels)
        if kind == (self.sample_rate, self.channels):
            return _floats(frame)
        if self._resampler is None or self._resampler[0] != kind:
            self._resampler = (kind, resampler(self.channels, self.sample_rate))
        frame.pts = None
        return np.concatenate([_floats(part) for part in self._resampler[1].resample(frame)])


def _opened(content: bytes, demuxer: str) -> InputContainer:
    """Raises NotAudio."""
    try:
        # Tags in any encoding are no reason to refuse a recording: nobody reads them.
        return av.open(
            io.BytesIO(content),
            "r",
            format=demuxer,
            options={"codec_whitelist": ",".join(CODECS)},
            metadata_errors="ignore",
        )
    except MemoryError:
        raise
    except av.FFmpegError:
        raise NotAudio from None


def resampler(channels: int, sample_rate: int) -> AudioResampler:
    layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
    return AudioResampler("fltp", layout, sample_rate)


def resampled(parts: Iterable[Samples], rate: int, wanted: int) -> Iterator[Samples]:
    """Sound of one channel at another rate; bit for bit the same if that is its own."""
    if rate == wanted:
        yield from parts
        return
    converter = resampler(1, wanted)
    for part in parts:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(part[None]), format="fltp", layout="mono")
        frame.sample_rate = rate
        for converted in converter.resample(frame):
            yield _floats(converted)[:, 0]
    for converted in converter.resample(None):
        yield _floats(converted)[:, 0]


def _track(tracks: tuple[AudioStream, ...]) -> AudioStream:
    """The first track that can be read and that players choose, or else the first that can be read. Raises NoSound,
    UnknownCodec."""
    if not tracks:
        raise NoSound
    readable = [track for track in tracks if _codec(track) in CODECS]
    if not readable:
        raise UnknownCodec(_codec(tracks[0]))
    return next((track for track in readable if track.disposition & track.disposition.default), readable[0])


def _codec(track: AudioStream) -> str:
    return track.codec_context.name if track.codec_context else "unknown"


def _floats(frame: AudioFrame) -> Samples:
    """(frames, channels). Full scale is as libsndfile has it: 32768 for 16 bits."""
    samples: NDArray[Any] = frame.to_ndarray()
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float32) - 128) / 128
    elif np.issubdtype(samples.dtype, np.signedinteger):
        samples = samples / float(-np.iinfo(samples.dtype).min)
    return samples.astype(np.float32, copy=False)
