from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streaming.engine import framing
from streaming.engine.contract import (
    EngineInfo,
    Expect,
    ExpectText,
    Failed,
    Finished,
    PcmChunk,
    Prepare,
    Prepared,
    SpeechRequest,
    VoiceRef,
)
from streaming.engine.framing import Broken, Cancel, Frame, FramingError, Ping, Pong, Ready, Stop, decode, encode

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
whole = st.integers(-(2**63), 2**63)
reals = st.floats(allow_nan=False)
blobs = st.binary(max_size=50)
voices = st.builds(VoiceRef, texts, st.lists(blobs, max_size=3).map(tuple), blobs, texts)
infos = st.builds(
    EngineInfo,
    texts,
    whole,
    st.lists(texts, max_size=5).map(tuple),
    st.booleans(),
    notice=texts,
    fingerprint=texts,
    reads_ahead=st.booleans(),
)
requests = st.builds(
    SpeechRequest,
    request_id=texts,
    text=texts,
    voice=voices,
    language=texts,
    speed=reals,
    seed=st.none() | whole,
    stream_chunk_size=whole,
    overlap_wav_len=whole,
    left_context_seconds=reals,
)
frames: st.SearchStrategy[Frame] = st.one_of(
    requests,
    st.builds(Expect, requests),
    st.builds(ExpectText, texts, texts),
    st.builds(Prepare, texts, voices),
    st.builds(Prepared, texts, blobs),
    st.builds(Cancel, texts),
    st.just(Stop()),
    st.just(Ping()),
    st.builds(Pong, st.floats(0, 1000)),
    st.builds(Finished, texts, st.booleans()),
    st.builds(Failed, texts, texts),
    st.builds(Broken, texts),
    st.builds(Ready, infos),
)
samples = arrays(np.float32, st.integers(0, 100), elements=st.floats(-1, 1, width=32))
values = st.recursive(
    st.none() | st.booleans() | whole | reals | texts | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
kinds = (
    SpeechRequest,
    Expect,
    ExpectText,
    Prepare,
    Cancel,
    Stop,
    PcmChunk,
    Prepared,
    Finished,
    Failed,
    Ready,
    framing.Broken,
)
names = st.sampled_from([kind.__name__ for kind in kinds])


def decoded(*messages: bytes) -> Frame:
    """The frame of these messages, all of which it takes."""
    left = list(messages)
    frame = decode(lambda: left.pop(0))
    assert left == []
    return frame


def answer_to(data: bytes) -> Frame | FramingError:
    try:
        return decoded(data)
    except FramingError as error:
        return error


@given(frames)
def test_every_frame_survives(frame: Frame) -> None:
    assert decoded(*encode(frame)) == frame


@given(texts, samples, st.none() | whole, st.booleans(), st.none() | whole)
def test_every_chunk_survives(
    request_id: str, sound: Any, text_end: int | None, last: bool, piece_end: int | None
) -> None:
    chunk = decoded(*encode(PcmChunk(request_id, sound, text_end, last, piece_end)))
    assert isinstance(chunk, PcmChunk)
    assert (chunk.request_id, chunk.text_end, chunk.last) == (request_id, text_end, last)
    assert chunk.piece_end == piece_end
    assert chunk.samples.dtype == np.float32
    assert np.array_equal(chunk.samples, sound)


@given(texts, st.booleans(), st.lists(texts, max_size=3).map(tuple))
def test_the_voices_that_spoke_survive(request_id: str, cancelled: bool, names: tuple[str, ...]) -> None:
    end = decoded(*encode(Finished(request_id, cancelled, names)))
    assert isinstance(end, Finished)
    assert end.voices == names


def test_samples_of_another_type_become_float32() -> None:
    chunk = decoded(*encode(PcmChunk("1", np.array([0.5, -0.25], dtype=np.float64))))
    assert isinstance(chunk, PcmChunk)
    assert chunk.samples.tolist() == [0.5, -0.25]


@given(st.binary(max_size=200))
def test_garbage_is_a_framing_error_and_nothing_else(data: bytes) -> None:
    assert isinstance(answer_to(data), Frame | FramingError)


@given(names, st.lists(values, max_size=9))
def test_wrong_fields_are_a_framing_error_and_nothing_else(name: str, fields: list[Any]) -> None:
    assert isinstance(answer_to(msgpack.packb([name, *fields])), Frame | FramingError)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgpack.packb([]),
        msgpack.packb(None),
        msgpack.packb({}),
        msgpack.packb("Stop"),
        msgpack.packb(["Unknown"]),
        msgpack.packb([["Stop"]]),
        msgpack.packb(["Stop", "too", "much"]),
        msgpack.packb(["Cancel"]),
        msgpack.packb(["PcmChunk", "1", b"\0\0\0", None, False, None]),
        msgpack.packb(["PcmChunk", "1", "text", None, False, None]),
        msgpack.packb(["SpeechRequest", "1", "text", None]),
        msgpack.packb(["SpeechRequest", "1", "text", ["key", []]]),
        msgpack.packb(["Prepare", "1", ["key", [], b"", ""]]),
        msgpack.packb(["Prepare", "1", ["key"], []]),
        msgpack.packb(["Prepare", "1", ["key", [], b"", ""], ["one"]]),
        msgpack.packb(["Prepare", "1", ["key", [], b"", ""], [framing.LARGEST_FRAME, 1]]),
        encode(Stop())[0] + b"\0",
        encode(Finished("1"))[0][:-1],
        b"\x91" * 10_000,
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        decoded(data)


@given(frames, st.data())
def test_a_frame_that_was_cut_short_is_refused(frame: Frame, data: st.DataObject) -> None:
    head, *clips = encode(frame)
    with pytest.raises(FramingError):
        decoded(head[: data.draw(st.integers(0, len(head) - 1))], *clips)


def test_recordings_travel_behind_their_frame_as_they_are() -> None:
    clips = (b"one", b"")
    head, *others = encode(Prepare("1", VoiceRef("key", clips)))
    assert others == [b"one", b""]
    with pytest.raises(FramingError, match="not the recordings that were announced"):
        decoded(head, b"", b"one")


def test_what_ends_between_a_frame_and_its_recordings_is_not_hidden() -> None:
    head, *_ = encode(Prepare("1", VoiceRef("key", (b"one",))))
    messages = iter([head])

    def receive() -> bytes:
        for message in messages:
            return message
        raise EOFError

    with pytest.raises(EOFError):
        decode(receive)


def test_what_is_too_large_for_a_frame_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "LARGEST_FRAME", 3 * 2**20)
    assert decoded(*encode(Prepared("1", bytes(2 * 2**20)))) == Prepared("1", bytes(2 * 2**20))
    with pytest.raises(FramingError, match="4 MB are more than the 3 MB"):
        encode(Prepare("1", VoiceRef("key", (bytes(2 * 2**20), bytes(2 * 2**20)))))
