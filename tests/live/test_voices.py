"""Voices through a whole server whose engine clones: uploaded, prepared when a client connects, spoken."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.client import Turn, receive_all, send
from tests.process.engine.cloning_engine import BUILT_IN, TOO_SHORT, conditioning_of, level_of, noted
from tests.pure.voices.recordings import recording

# One pitch, one speaker: name -> pitch of the recordings.
PITCHES = {"anna": 90, "bert": 110, "clara": 130, "dora": 150, "emil": 170, "frida": 190, "gustav": 210, "hanna": 230}
PCM = "?output_format=pcm_16000"


def upload(server: LiveServer, voice_id: str, content: str, **fields: Any) -> str:
    """Python that gives a voice one recording, in place of those that it has."""
    return f"""
voice, _ = Voice.objects.get_or_create(voice_id={voice_id!r}, defaults={{"name": {voice_id!r}}} | {fields!r})
for clip in voice.clips.all():
    clip.delete()
if {content!r}:
    clip = ReferenceClip(voice=voice, file=ContentFile({content or None}, "a.wav"))
    clip.full_clean()
    clip.save()
"""


def perform(server: LiveServer, *steps: str) -> None:
    imports = [
        "from django.core.files.base import ContentFile",
        "from tests.pure.voices.recordings import recording",
        "from voices.models import ReferenceClip, Voice",
    ]
    done = manage(server.settings_file, "shell", "-c", "\n".join((*imports, *steps)))
    assert done.returncode == 0, done.stderr


class CloningServer(LiveServer):
    def __init__(self, settings_file: Path, folder: Path, fingerprint: str = "one") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        super().__init__(settings_file, ("-m", "tests.live.cloning_server", str(folder), fingerprint))

    def upload_all(self) -> None:
        steps = [upload(self, name, f"recording(pitch={pitch})") for name, pitch in PITCHES.items()]
        steps.append(upload(self, "short", "recording(1.0)"))
        steps.append(upload(self, "lost", "recording(pitch=250)"))
        steps.append("[file.storage.delete(file.name) for file in (clip.file, clip.model_copy)]")
        steps.append(upload(self, "builtin", "", name=BUILT_IN))
        steps.append(upload(self, "nobody", "", name="Nobody"))
        steps.append(upload(self, "swede", "", name=BUILT_IN, language="sv"))
        perform(self, *steps)

    def prepared(self) -> int:
        return len(noted(self.folder, "prepare"))

    async def until(self, condition: Any) -> None:
        await asyncio.to_thread(self.wait_until, condition)

    @property
    def preparing(self) -> int:
        [process] = self.readiness()["engine"]["processes"]
        return int(process["preparing"])

    @contextmanager
    def held(self, what: str = "preparation") -> Iterator[None]:
        """Within it, no preparation (or "start") of the engine comes to its end."""
        path = self.folder / f"hold-{what}"
        path.touch()
        try:
            yield
        finally:
            path.unlink()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloningServer]:
    directory = tmp_path_factory.mktemp("cloning")
    settings = write_settings(
        # The tests change voices in processes of their own, and say themselves when one is prepared.
        directory,
        voices={"prepare_in_background": False},
        forward={"raw_channels": False},
        service={"max_concurrency": 8},
        database={"cache_seconds": 0},
    )
    with CloningServer(settings, directory / "engine") as live:
        live.upload_all()
        yield live


async def say(server: LiveServer, voice_id: str, query: str = PCM) -> Turn:
    async with server.connect(voice_id, query) as client:
        await send(client, text="Hello there.")
        await send(client, text="")
        return await receive_all(client)


def level(turn: Turn) -> float:
    assert turn.error is None
    return float(np.median(turn.pcm)) / 32_767


def level_for(pitch: float) -> Any:
    return pytest.approx(level_of(conditioning_of([recording(pitch=pitch)])), abs=1e-3)


def error(turn: Turn) -> tuple[int | None, str, str]:
    found = turn.error or {}
    return turn.close_code, found["error"], found["message"]


async def test_every_voice_has_its_own_sound_and_clips_do_not_travel_with_the_text(server: CloningServer) -> None:
    turns = await asyncio.gather(*(say(server, name) for name in ("anna", "bert", "anna")))
    assert [level(turn) for turn in turns] == [level_for(PITCHES[name]) for name in ("anna", "bert", "anna")]
    assert {note["clips"] for note in noted(server.folder, "speak")} == {0}


async def test_a_voice_is_prepared_when_clients_connect_and_only_once(server: CloningServer) -> None:
    before = server.prepared()
    clients = [await server.connect("clara", PCM) for _ in range(20)]
    await server.until(lambda: server.prepared() == before + 1)
    for client in clients:
        await client.close()
    assert level(await say(server, "clara")) == level_for(PITCHES["clara"])
    assert server.prepared() == before + 1


async def test_the_first_text_waits_for_its_voice(server: CloningServer) -> None:
    with server.held():
        speaking = asyncio.create_task(say(server, "dora"))
        await server.until(lambda: server.preparing == 1)
        assert level(await say(server, "builtin")) == pytest.approx(level_of(BUILT_IN.encode()), abs=1e-3)
    assert level(await speaking) == level_for(PITCHES["dora"])


async def test_forwarding_prepares_nothing(server: CloningServer) -> None:
    before = server.prepared()
    async with server.connect("emil", "?mode=forward&audio_channel=sess:1"):
        assert level(await say(server, "frida")) == level_for(PITCHES["frida"])
    assert server.prepared() == before + 1


async def test_an_init_may_ask_for_speech_although_the_query_does_not(server: CloningServer) -> None:
    async with server.connect("emil", f"{PCM}&mode=forward&audio_channel=sess:1") as client:
        await send(client, type="ttsInitRequest", mode="generate", inactivity_timeout=1)
        await send(client, text="Hello there.", flush=True)
        assert level(await receive_all(client)) == level_for(PITCHES["emil"])


async def test_another_server_on_the_same_database_prepares_nothing_again(
    server: CloningServer, tmp_path: Path
) -> None:
    assert level(await say(server, "anna")) == level_for(PITCHES["anna"])
    data, voices = {"data_dir": str(server.settings_file.parent / "var")}, {"prepare_in_background": False}
    with CloningServer(write_settings(tmp_path, service=data, voices=voices), tmp_path / "engine") as other:
        assert level(await say(other, "anna")) == level_for(PITCHES["anna"])
        assert other.prepared() == 0


async def test_a_changed_recording_is_another_sound_for_the_next_client(server: CloningServer) -> None:
    await asyncio.to_thread(perform, server, upload(server, "changing", "recording(pitch=240)"))
    assert level(await say(server, "changing")) == level_for(240)
    await asyncio.to_thread(perform, server, upload(server, "changing", "recording(pitch=260)"))
    before = server.prepared()
    assert level(await say(server, "changing")) == level_for(260)
    assert server.prepared() == before + 1


async def test_an_engine_that_dies_while_it_prepares_ends_the_session_and_comes_back(server: CloningServer) -> None:
    message = "The voice 'gustav' cannot be prepared: The speech engine stopped unexpectedly."
    with server.held():
        async with server.connect("gustav", PCM) as client:
            await send(client, text="Hello there.")
            await send(client, text="")
            await (await client.ping())  # answered after the text was read: it waits for the voice
            await server.until(lambda: server.preparing == 1)
            [pid] = server.engine_pids()
            os.kill(pid, signal.SIGKILL)
            assert error(await receive_all(client)) == (1011, "engine_failed", message)
    assert message in server.log
    await server.until(lambda: server.readiness()["ready"])
    assert level(await say(server, "gustav")) == level_for(PITCHES["gustav"])


async def test_who_connects_while_the_engine_is_away_speaks_when_it_is_back(server: CloningServer) -> None:
    with server.held("start"):
        hasty = await server.connect("bert", PCM)
        [pid] = server.engine_pids()
        os.kill(pid, signal.SIGKILL)
        await server.until(lambda: not server.readiness()["ready"])
        await send(hasty, text="Hello?", flush=True)
        assert error(await receive_all(hasty))[:2] == (1013, "engine_unavailable")
        client = await server.connect("anna", PCM)
    async with client:
        await server.until(lambda: server.readiness()["ready"])
        await send(client, text="Hello there.")
        await send(client, text="")
        assert level(await receive_all(client)) == level_for(PITCHES["anna"])


async def test_a_lost_recording_is_an_error_and_never_another_sound(server: CloningServer) -> None:
    reason = "A recording of the voice 'lost' cannot be read: No such file or directory."
    assert error(await say(server, "lost")) == (1011, "internal_error", reason)
    assert f"Voice lost cannot be prepared: {reason}" in server.log


async def test_a_recording_that_the_engine_refuses_is_an_error_with_its_reason(server: CloningServer) -> None:
    reason = f"The voice 'short' cannot be prepared: {TOO_SHORT}"
    assert error(await say(server, "short")) == (1011, "engine_failed", reason)


@pytest.mark.parametrize("text", [{}, {"text": "Hello?", "flush": True}])
async def test_clients_that_leave_meanwhile_leave_nothing_behind(server: CloningServer, text: dict[str, Any]) -> None:
    await asyncio.to_thread(
        perform, server, upload(server, "hanna", f"recording(pitch={PITCHES['hanna'] + len(text)})")
    )
    before = server.prepared()
    with server.held():
        clients = [await server.connect("hanna", PCM) for _ in range(3)]
        await send(clients[0], **text)
        await server.until(lambda: server.preparing == 1)
        for client in clients:
            await client.close()
        assert server.preparing == 1  # the engine is still at it, but nobody waits for that any more
    await server.until(lambda: server.preparing == 0)
    assert level(await say(server, "hanna")) == level_for(PITCHES["hanna"] + len(text))
    assert server.prepared() == before + 2
    assert server.readiness()["engine"]["running"] == 0
    assert "Traceback" not in server.log
    assert "never retrieved" not in server.log


async def test_a_voice_without_recordings_is_up_to_the_engine(server: CloningServer) -> None:
    assert level(await say(server, "builtin")) == pytest.approx(level_of(BUILT_IN.encode()), abs=1e-3)
    assert error(await say(server, "nobody")) == (1011, "engine_failed", "There is no speaker 'Nobody'.")


@pytest.mark.parametrize(("asked", "spoken"), [("en-US", "en"), ("zh-CN", "zh"), ("pt_BR", "pt"), ("DE", "de")])
async def test_the_engine_hears_its_own_name_of_a_language(server: CloningServer, asked: str, spoken: str) -> None:
    assert (await say(server, "anna", f"{PCM}&language_code={asked}")).packets
    assert noted(server.folder, "speak")[-1]["language"] == spoken


async def test_for_a_language_that_the_engine_does_not_speak_there_is_the_voices(server: CloningServer) -> None:
    assert (await say(server, "anna", f"{PCM}&language_code=sv")).packets
    assert "does not speak the language 'sv'" in server.log


async def test_a_voice_set_to_such_a_language_is_not(server: CloningServer) -> None:
    assert error(await say(server, "swede"))[:2] == (1011, "internal_error")
    assert (await say(server, "swede", f"{PCM}&language_code=en")).packets


OWN = {"speed": 1.5, "seed": 7, "temperature": 0.5, "top_k": 20, "top_p": 0.7, "repetition_penalty": 3.0}


async def test_the_engine_hears_what_the_voice_has_set_and_the_request_has_not(server: CloningServer) -> None:
    rule = "Dictionary.objects.create(name='Names').rules.create(string_to_replace='there', alias='over there')"
    await asyncio.to_thread(
        perform,
        server,
        "from voices.models import PronunciationDictionary as Dictionary",
        upload(server, "settled", "", **OWN),
        f"voice.dictionaries.add({rule}.dictionary)",
        f"Voice.objects.filter(pk=voice.pk).update(name={BUILT_IN!r})",
    )
    assert (await say(server, "settled")).packets
    heard = noted(server.folder, "speak")[-1]
    assert {name: heard[name] for name in OWN} == OWN
    assert heard["text"] == "Hello over there."
    assert (await say(server, "settled", f"{PCM}&seed=0&top_k=0&speed=0.9")).packets
    heard = noted(server.folder, "speak")[-1]
    assert {name: heard[name] for name in OWN} == {**OWN, "seed": 0, "top_k": 0, "speed": 0.9}


SOCKETS = [("connect", "&mode=generate"), ("connect", ""), ("connect_contexts", "")]


@pytest.mark.parametrize(("endpoint", "query"), SOCKETS, ids=["native", "elevenlabs", "multi"])
async def test_an_engine_that_reads_ahead_is_told_of_words_as_they_arrive(
    server: CloningServer, endpoint: str, query: str
) -> None:
    told, spoken = (len(noted(server.folder, did)) for did in ("expect", "submit"))
    context = {"context_id": "one"} if endpoint == "connect_contexts" else {}
    async with getattr(server, endpoint)("anna", PCM + query) as socket, asyncio.timeout(60):
        for text in ("Good morning, ", "and wel", "come to "):
            await send(socket, text=text, **context)
        # The engine has heard of it before the text is whole.
        while len(noted(server.folder, "expect")) == told:
            await asyncio.sleep(0.01)
        await send(socket, text="the show.", flush=True, **context)
        while len(noted(server.folder, "submit")) == spoken:
            await asyncio.sleep(0.01)
    expected = noted(server.folder, "expect")[told:]
    (submitted,) = noted(server.folder, "submit")[spoken:]
    assert {note["id"] for note in expected} == {submitted["id"]}
    assert expected[-1]["text"] == "Good morning, and welcome to "
    assert submitted["text"] == "Good morning, and welcome to the show."
