"""Forward mode without Redis: how publications are read, ordered and bounded. With Redis: test_live_forwarding."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from channels.layers import InMemoryChannelLayer, channel_layers
from hypothesis import given
from hypothesis import strategies as st

from streaming.audio.pcm import decode_pcm16, encode_pcm16
from streaming.conf import ForwardConfig
from streaming.errors import SourceError
from streaming.forwarding.forwarding import Forwarding
from streaming.forwarding.publisher import ForwardedAudio, Publisher, group_name
from streaming.forwarding.subscription import EventOrder, Subscription, parse_raw

PCM = encode_pcm16(np.linspace(-1, 1, 100, dtype=np.float32))
AUDIO = base64.b64encode(PCM).decode()


def raw(**message: Any) -> bytes:
    return json.dumps(message).encode()


def audio(seconds: float, *, is_final: bool = False) -> ForwardedAudio:
    return ForwardedAudio(np.zeros(round(seconds * 8000), dtype=np.float32), 8000, is_final)


def event(number: int, batch: str = "a", **changes: Any) -> dict[str, Any]:
    made = {"type": "forward.audio", "batch": batch, "sequence": number, "rate": 8000, "audio": PCM, "final": False}
    return made | changes


async def rest(subscription: Subscription) -> list[ForwardedAudio]:
    """Everything up to the error."""
    parts = []
    with suppress(SourceError):
        async for part in subscription:
            parts.append(part)  # noqa: PERF401 - what came before the error counts
    return parts


class TestParseRaw:
    @pytest.mark.parametrize("end", [{}, {"isFinal": False}, {"isFinal": None}])
    def test_audio(self, end: dict[str, Any]) -> None:
        parsed = parse_raw(raw(audio=AUDIO, **end), 16_000)
        assert encode_pcm16(parsed.samples) == PCM
        assert (parsed.sample_rate, parsed.is_final) == (16_000, False)

    @pytest.mark.parametrize("nothing", [{}, {"audio": ""}, {"audio": None}])
    def test_a_bare_end(self, nothing: dict[str, Any]) -> None:
        parsed = parse_raw(raw(isFinal=True, **nothing), 16_000)
        assert (len(parsed.samples), parsed.is_final) == (0, True)

    def test_unknown_keys_are_ignored(self) -> None:
        assert parse_raw(raw(audio=AUDIO, isFinal=True, from_="tests"), 8000).is_final

    @pytest.mark.parametrize(
        "data",
        [b"", b"{", b"\xff", b"5", b"null", raw(), raw(audio=""), raw(audio=5), raw(audio="AAA"), raw(audio="AAAA"),
         raw(audio="ä"), raw(audio=AUDIO, isFinal=1), raw(audio=AUDIO, isFinal="true"), b"[" * 100_000],
        ids=lambda data: repr(data[:20]),
    )  # fmt: skip
    def test_everything_else_is_a_value_error(self, data: bytes) -> None:
        with pytest.raises(ValueError):
            parse_raw(data, 8000)

    @given(st.binary(max_size=60))
    def test_any_bytes_are_audio_or_a_value_error(self, data: bytes) -> None:
        with pytest.raises(ValueError):
            parse_raw(b"\x00" + data, 8000)


class TestEventOrder:
    def test_a_batch_in_order(self) -> None:
        order = EventOrder()
        taken = [order.take(event(0)), order.take(event(1)), order.take(event(2, audio=b"", final=True))]
        assert [part.is_final for part in taken] == [False, False, True]
        assert encode_pcm16(taken[0].samples) == PCM
        assert taken[0].sample_rate == 8000

    def test_who_comes_late_begins_in_the_middle(self) -> None:
        order = EventOrder()
        assert [order.take(event(number)).is_final for number in (7, 8)] == [False, False]

    @pytest.mark.parametrize("second", [2, 0, -1])
    def test_a_gap_or_a_repetition_ends_the_source(self, second: int) -> None:
        order = EventOrder()
        order.take(event(0))
        with pytest.raises(SourceError, match=f"part 1 was expected, but part {second} arrived"):
            order.take(event(second))

    def test_the_next_batch_begins_at_zero(self) -> None:
        order = EventOrder()
        events = [event(0, "a", final=True), event(0, "b"), event(1, "b")]
        assert [order.take(one).is_final for one in events] == [True, False, False]

    def test_a_next_batch_without_its_beginning_has_lost_it(self) -> None:
        order = EventOrder()
        order.take(event(3, "a"))
        with pytest.raises(SourceError, match="part 0 was expected"):
            order.take(event(1, "b"))

    @pytest.mark.parametrize(
        "bad",
        [{"sequence": "x"}, {"sequence": None}, {"rate": 0}, {"rate": 10**6}, {"rate": "fast"}, {"audio": b"\0"},
         {"audio": None}, {"audio": "text"}],
        ids=str,
    )  # fmt: skip
    def test_a_bad_event_is_a_value_error(self, bad: dict[str, Any]) -> None:
        with pytest.raises(ValueError):
            EventOrder().take(event(0, **bad))

    @pytest.mark.parametrize("missing", ["batch", "sequence", "rate", "audio", "final"])
    def test_an_incomplete_event_is_a_value_error(self, missing: str) -> None:
        incomplete = event(0)
        del incomplete[missing]
        with pytest.raises(ValueError):
            EventOrder().take(incomplete)


class TestSubscription:
    async def test_gives_what_was_put_in_order(self) -> None:
        subscription = Subscription(10)
        parts = [audio(0.1), audio(0.2), audio(0.0, is_final=True)]
        for part in parts:
            subscription.put(part)
        assert [await anext(subscription) for _ in parts] == parts

    async def test_waits_for_what_comes(self) -> None:
        subscription = Subscription(10)
        waiting = asyncio.create_task(anext(aiter(subscription)))
        await asyncio.sleep(0)
        subscription.put(part := audio(0.1))
        assert await waiting is part

    async def test_says_whether_something_had_to_be_waited_for(self) -> None:
        subscription = Subscription(10)
        subscription.put(audio(0.1))
        await anext(subscription)
        assert not subscription.was_awaited
        waiting = asyncio.create_task(anext(aiter(subscription)))
        await asyncio.sleep(0)
        subscription.put(audio(0.1))
        await waiting
        assert subscription.was_awaited

    async def test_what_was_fetched_makes_room(self) -> None:
        subscription = Subscription(1)
        for _ in range(20):
            subscription.put(part := audio(0.9))
            assert await anext(subscription) is part

    async def test_too_much_is_an_error_behind_what_is_queued(self) -> None:
        subscription = Subscription(1)
        subscription.put(audio(0.6))
        subscription.put(audio(0.6))
        await anext(subscription)
        with pytest.raises(SourceError, match="1 seconds"):
            await anext(subscription)

    async def test_nothing_is_played_behind_what_was_lost(self) -> None:
        subscription = Subscription(1)
        subscription.put(audio(0.6))
        subscription.put(audio(0.6))
        await anext(subscription)
        subscription.put(audio(0.6))
        with pytest.raises(SourceError):
            await anext(subscription)

    async def test_messages_without_audio_are_bounded_too(self) -> None:
        subscription = Subscription(1)
        for _ in range(1000):
            subscription.put(audio(0.0, is_final=True))
        assert len(await rest(subscription)) < 1000

    async def test_the_first_error_is_the_one_that_is_told(self) -> None:
        subscription = Subscription(1)
        subscription.fail(SourceError("first"))
        subscription.fail(SourceError("second"))
        with pytest.raises(SourceError, match="first"):
            await anext(subscription)

    def test_what_is_dropped_is_counted_and_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[None] = []
        subscription = Subscription(1, lambda: told.append(None))
        for _ in range(3):
            subscription.drop(ValueError("not audio"))
        assert (subscription.dropped, len(told)) == (3, 3)
        assert len(caplog.records) == 1


def without_redis() -> Forwarding:
    return Forwarding(ForwardConfig(), None)


class TestWithoutRedis:
    """Django code in the server's own process."""

    @pytest.fixture
    async def layer(self) -> AsyncIterator[InMemoryChannelLayer]:
        layer = InMemoryChannelLayer(capacity=1000)
        previous = channel_layers.set("default", layer)
        yield layer
        if previous:
            channel_layers.set("default", previous)
        else:
            del channel_layers.backends["default"]

    async def joined(self, layer: InMemoryChannelLayer, channel: str, count: int = 1) -> None:
        async with asyncio.timeout(10):
            while len(layer.groups.get(group_name(channel), {})) != count:
                await asyncio.sleep(0.005)

    async def test_what_is_published_is_heard_by_everybody(self, layer: InMemoryChannelLayer) -> None:
        samples = decode_pcm16(PCM)
        forwarding = without_redis()
        listening = [forwarding.subscribe("sess:1", sample_rate=16_000) for _ in range(2)]
        async with listening[0] as one, listening[1] as other:
            await self.joined(layer, "sess:1", 2)
            publisher = Publisher("sess:1", 22_050)
            await publisher.send(samples)
            await publisher.finish()
            for subscription in (one, other):
                first, last = await anext(subscription), await anext(subscription)
                assert np.array_equal(first.samples, samples)
                assert (first.sample_rate, first.is_final) == (22_050, False)
                assert (len(last.samples), last.is_final) == (0, True)

    async def test_other_channels_are_not_heard(self, layer: InMemoryChannelLayer) -> None:
        async with without_redis().subscribe("sess:1", sample_rate=8000) as subscription:
            await self.joined(layer, "sess:1")
            await Publisher("sess:2", 8000).finish()
            await Publisher("sess:1", 4000).finish()
            assert (await anext(subscription)).sample_rate == 4000

    async def test_what_is_no_event_of_ours_is_dropped(self, layer: InMemoryChannelLayer) -> None:
        async with without_redis().subscribe("sess:1", sample_rate=8000) as subscription:
            await self.joined(layer, "sess:1")
            await layer.group_send(group_name("sess:1"), {"type": "forward.audio"})
            await Publisher("sess:1", 8000).finish()
            assert (await anext(subscription)).is_final
            assert subscription.dropped == 1

    async def test_leaving_leaves_no_task_and_no_membership(self, layer: InMemoryChannelLayer) -> None:
        tasks = asyncio.all_tasks()
        async with without_redis().subscribe("sess:1", sample_rate=8000):
            await self.joined(layer, "sess:1")
        await self.joined(layer, "sess:1", 0)
        async with asyncio.timeout(5):
            while asyncio.all_tasks() != tasks:
                await asyncio.sleep(0.005)
        assert asyncio.all_tasks() == tasks


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_channel_has_a_valid_group_name(channel: str) -> None:
    assert InMemoryChannelLayer().require_valid_group_name(group_name(channel))


def test_channels_do_not_share_a_group() -> None:
    assert len({group_name(channel) for channel in ("sess:1", "sess:2", "SESS:1", "sess:1 ", "")}) == 5


@pytest.mark.parametrize("error", [RuntimeError("read() called while another coroutine"), AttributeError("writelines")])
async def test_a_layer_whose_connection_breaks_while_it_is_joined_is_one_that_is_lost(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise error

    layer = InMemoryChannelLayer()
    monkeypatch.setattr(layer, "group_add", broken)
    monkeypatch.setitem(channel_layers.backends, "default", layer)
    async with Forwarding(ForwardConfig(), None).subscribe("sess:1", sample_rate=8000) as source:
        with pytest.raises(SourceError, match="lost its connection to Redis"):
            await anext(source)
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]
