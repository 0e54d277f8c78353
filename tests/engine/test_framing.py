import contextlib
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, SpeechRequest, VoiceRef
from streaming.engine.framing import Broken, Cancel, Frame, FramingError, Ready, Stop, decode, encode

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
whole = st.integers(-(2**63), 2**63)
reals = st.floats(allow_nan=False)
requests = st.builds(
    SpeechRequest,
    request_id=texts,
    text=texts,
    voice=st.builds(VoiceRef, texts, st.lists(st.binary(max_size=50), max_size=3).map(tuple)),
    language=texts,
    speed=reals,
    seed=st.none() | whole,
    stream_chunk_size=whole,
    overlap_wav_len=whole,
    left_context_seconds=reals,
)
frames: st.SearchStrategy[Frame] = st.one_of(
    requests,
    st.builds(Cancel, texts),
    st.just(Stop()),
    st.builds(Finished, texts, st.booleans()),
    st.builds(Failed, texts, texts),
    st.builds(Broken, texts),
    st.builds(Ready, st.builds(EngineInfo, texts, whole, st.lists(texts, max_size=5).map(tuple), st.booleans(), texts)),
)
samples = arrays(np.float32, st.integers(0, 100), elements=st.floats(-1, 1, width=32))
values = st.recursive(
    st.none() | st.booleans() | whole | reals | texts | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from([kind.__name__ for kind in (SpeechRequest, Cancel, Stop, PcmChunk, Finished, Failed, Ready)])


def decodes_or_says_no(data: bytes) -> None:
    with contextlib.suppress(FramingError):
        decode(data)


@given(frames)
def test_every_frame_survives(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(texts, samples, st.none() | whole, st.booleans())
def test_every_chunk_survives(request_id: str, sound: Any, text_end: int | None, last: bool) -> None:
    decoded = decode(encode(PcmChunk(request_id, sound, text_end, last)))
    assert isinstance(decoded, PcmChunk)
    assert (decoded.request_id, decoded.text_end, decoded.last) == (request_id, text_end, last)
    assert decoded.samples.dtype == np.float32
    assert np.array_equal(decoded.samples, sound)


def test_samples_of_another_type_become_float32() -> None:
    decoded = decode(encode(PcmChunk("1", np.array([0.5, -0.25], dtype=np.float64))))
    assert isinstance(decoded, PcmChunk)
    assert decoded.samples.tolist() == [0.5, -0.25]


@given(st.binary(max_size=200))
def test_garbage_is_a_framing_error_and_nothing_else(data: bytes) -> None:
    decodes_or_says_no(data)


@given(names, st.lists(values, max_size=9))
def test_wrong_fields_are_a_framing_error_and_nothing_else(name: str, fields: list[Any]) -> None:
    decodes_or_says_no(msgpack.packb([name, *fields]))


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
        msgpack.packb(["PcmChunk", "1", b"\0\0\0", None, False]),
        msgpack.packb(["PcmChunk", "1", "text", None, False]),
        msgpack.packb(["SpeechRequest", "1", "text", None]),
        encode(Stop()) + b"\0",
        encode(Finished("1"))[:-1],
        b"\x91" * 10_000,
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        decode(data)


@given(frames, st.data())
def test_a_frame_that_was_cut_short_is_refused(frame: Frame, data: st.DataObject) -> None:
    encoded = encode(frame)
    with pytest.raises(FramingError):
        decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))])
