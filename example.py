"""Speak a text through the `stream-input` WebSocket: save it, play it, and measure how it arrived.

    python example.py --text "Hello, this is a test." --play
    some-language-model | python example.py --file - --chunk-length-schedule 32,64 --out answer.wav

Needs Python 3.11 and `websockets`. Options may be written with dashes or with underscores.
"""

import argparse
import asyncio
import base64
import codecs
import json
import os
import re
import shutil
import ssl
import sys
import threading
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


SETTINGS: list[tuple[str, str, Callable[[str], Any], str]] = [  # handed to the server: where it goes, name, type, help
    ("query", "mode", str, "generate, or forward: listen to --audio-channel instead of speaking a text"),
    ("query", "stream_chunk_size", int, "tokens per step of the model"),
    ("query", "left_context_seconds", float, "checked, without effect: the decoder always sees what it needs"),
    ("query", "overlap_wav_len", int, "checked, without effect: chunks are never cross-faded"),
    ("query", "inactivity_timeout", float, "seconds without a message after which the server closes"),
    ("query", "seed", int, "the same seed gives the same speech"),
    ("init", "target_lead_ms", float, "how far the audio may run ahead of real time"),
    ("init", "audio_channel", str, "the channel of forward mode, e.g. sess:123:audio"),
    ("generation", "speed", float, "1.0 is the voice's own"),
    ("generation", "language", str, "e.g. ru"),
    ("generation", "chunk_length_schedule", numbers, "characters to wait for before each generation, e.g. 32,64"),
    ("generation", "chunk_length_schedule_frames", numbers, "frames per packet, e.g. 1"),
]
PIECE = re.compile(r"\S+\s*|\s+")
# The channel count is left to its default, mono: the option for it has changed its name between versions.
FFPLAY = "ffplay -nodisp -autoexit -loglevel error -fflags nobuffer -probesize 32 -f s16le -sample_rate {} -i pipe:0"
Sink = Callable[[bytes], None]


class Failure(Exception):
    """Why there is no (more) speech, as a sentence for the user."""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Speak a text through the stream-input WebSocket.", allow_abbrev=False)

    def add(name: str, **options: Any) -> None:
        parser.add_argument(*dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}")), dest=name, **options)

    add("host", default="127.0.0.1", help="an IPv6 address in brackets")
    add("port", type=int, default=60215)
    add("voice_id", default="demo")
    add("sr", type=int, default=24000, help="sample rate: 8000, 16000, 22050, 24000 (default), 32000, 44100, 48000")
    add("text", help="the text to speak")
    add("file", help="a UTF-8 file with the text; - is standard input, spoken while it arrives")
    add("piece_delay_ms", type=float, default=0.0, help="pause after every word, as if the text were being written")
    add("play", action="store_true", help="play while it arrives (needs ffplay)")
    add("save", action=argparse.BooleanOptionalAction, default=True, help="write a WAV file")
    add("out", type=Path, default=Path("output.wav"), help="the WAV file")
    add("sync_alignment", action="store_true", default=None, help="ask for character times")
    for _, name, kind, text in SETTINGS:
        add(name, type=kind, help=text)
    add("tls", action="store_true", help="connect with wss://")
    add("insecure", action="store_true", help="wss:// without checking the certificate")
    add("ca_file", help="wss:// with a server certificate that this CA certificate has signed")
    add("api_key", help="sent as the header xi-api-key")
    add("prefix", default="", help="the path below which another project has included speech, e.g. speech")
    return parser


def chosen(options: argparse.Namespace, place: str) -> dict[str, Any]:
    """What the user has set; the server knows the defaults of the rest."""
    names = [name for where, name, *_ in SETTINGS if where == place]
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def init_message(options: argparse.Namespace) -> dict[str, Any]:
    message = {"type": "ttsInitRequest", "audio_format": f"pcm_{options.sr}"} | chosen(options, "init")
    generation = ({"chunk_length_schedule": [50]} if options.file == "-" else {}) | chosen(options, "generation")
    return message | ({"generation_config": generation} if generation else {})


def connection(options: argparse.Namespace) -> connect:
    is_tls = options.tls or options.insecure or options.ca_file
    query = chosen(options, "query") | ({"sync_alignment": "true"} if options.sync_alignment else {})
    path = f"/{options.prefix}/v1/text-to-speech/{quote(options.voice_id, safe='')}/stream-input".replace("//", "/")
    return connect(
        f"ws{'s' if is_tls else ''}://{options.host}:{options.port}{path}{'?' if query else ''}{urlencode(query)}",
        ssl=tls_context(options) if is_tls else None,
        additional_headers={"xi-api-key": options.api_key} if options.api_key else None,
        # A proxy from the environment cannot reach the loopback of this machine.
        proxy=None if options.host in ("127.0.0.1", "localhost", "[::1]") else True,
        compression=None,  # would cost time and gain little on audio
        close_timeout=2,
    )


def tls_context(options: argparse.Namespace) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:
        raise Failure(f"Cannot use the certificate {options.ca_file}: {error.strerror or error}.") from None
    if options.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def text_pieces(options: argparse.Namespace) -> AsyncIterator[str]:
    """The text word by word, as soon as it can be read."""
    if options.file is None:
        for piece in PIECE.findall(options.text):
            yield piece
        return
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        source = sys.stdin.fileno() if options.file == "-" else os.open(options.file, os.O_RDONLY)
        while data := await read_in_thread(source):
            for piece in PIECE.findall(decoder.decode(data)):
                yield piece
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise Failure(f"{options.file} is not UTF-8 text.") from None
    except OSError as error:
        raise Failure(f"Cannot read {options.file}: {error.strerror or error}.") from None


async def read_in_thread(source: int) -> bytes:
    # A daemon thread, unlike those of asyncio.to_thread, is not waited for: Ctrl-C must not hang on a silent pipe.
    result: Future[bytes] = Future()

    def read() -> None:
        with suppress(InvalidStateError):  # nobody waits any more
            try:
                result.set_result(os.read(source, 4096))
            except OSError as error:
                result.set_exception(error)

    threading.Thread(target=read, daemon=True).start()
    return await asyncio.wrap_future(result)


@contextmanager
def wav_file(path: Path, rate: int) -> Iterator[Sink]:
    """Opened at the first packet, so that a refusal does not destroy the last recording; complete after every packet."""
    writer: wave.Wave_write | None = None

    def write(pcm: bytes) -> None:
        nonlocal writer
        try:
            if writer is None:
                writer = files.enter_context(wave.open(files.enter_context(path.open("wb", buffering=0)), "wb"))  # noqa: SIM115
                writer.setparams((1, 2, rate, 0, "NONE", ""))
            writer.writeframes(pcm)
        except OSError as error:
            raise Failure(f"Cannot write {path}: {error.strerror or error}.") from None

    with ExitStack() as files:
        yield write


@asynccontextmanager
async def player(rate: int) -> AsyncIterator[Sink]:
    """Never waits for ffplay while speech arrives: a full pipe must not falsify the figures."""
    process = await asyncio.create_subprocess_exec(*FFPLAY.format(rate).split(), stdin=asyncio.subprocess.PIPE)
    pipe = process.stdin
    assert pipe  # noqa: S101
    try:
        yield lambda pcm: None if pipe.is_closing() else pipe.write(pcm)
        pipe.close()
        await process.wait()
    finally:  # early when something has failed, or Ctrl-C
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@dataclass
class Figures:
    """Times are those of time.perf_counter()."""

    started: float = 0.0
    first_text: float | None = None
    flushed: float | None = None
    packets: list[tuple[float, float]] = field(default_factory=list)  # when each came, and its seconds of audio

    def show(self) -> None:
        gap = starvation = 0.0
        first = previous = dry = self.packets[0][0]  # dry: when a player that began there has nothing left
        for now, seconds in self.packets:
            gap, starvation = max(gap, now - previous), max(starvation, now - dry)
            previous, dry = now, max(dry, now) + seconds
        print(f"TTFT                 {(first - self.started) * 1000:8.0f} ms")
        if self.flushed is not None and self.flushed <= first:
            print(f"TTFA                 {(first - self.flushed) * 1000:8.0f} ms")
        elif self.first_text is not None:
            print(f"TTFA from first text {(first - self.first_text) * 1000:8.0f} ms")
        print(f"packets              {len(self.packets):8}")
        print(f"audio                {sum(seconds for _, seconds in self.packets):8.2f} s")
        print(f"longest gap          {gap * 1000:8.0f} ms")
        print(f"longest starvation   {starvation * 1000:8.0f} ms")


async def run(options: argparse.Namespace, figures: Figures) -> None:
    sinks: list[Sink] = [lambda pcm: figures.packets.append((time.perf_counter(), len(pcm) / 2 / options.sr))]
    async with AsyncExitStack() as stack:
        if options.save:
            sinks.append(stack.enter_context(wav_file(options.out, options.sr)))
        if options.play:
            sinks.append(await stack.enter_async_context(player(options.sr)))
        connecting = connection(options)
        figures.started = time.perf_counter()
        server = await stack.enter_async_context(connecting)
        with suppress(ConnectionClosed):  # receive() says why
            await server.send(json.dumps(init_message(options)))
        async with asyncio.TaskGroup() as both:
            both.create_task(receive(server, sinks))
            if options.mode != "forward":
                both.create_task(say(server, text_pieces(options), options.piece_delay_ms / 1000, figures))


async def say(server: ClientConnection, pieces: AsyncIterator[str], delay: float, figures: Figures) -> None:
    with suppress(ConnectionClosed):  # receive() says why
        async for piece in pieces:
            figures.first_text = figures.first_text or time.perf_counter()
            await server.send(json.dumps({"text": piece}))
            await asyncio.sleep(delay)
        figures.flushed = time.perf_counter()
        await server.send('{"flush": true}')
        await server.send('{"text": ""}')


async def receive(server: ClientConnection, sinks: list[Sink]) -> None:
    while True:
        message = json.loads(await server.recv())
        if error := message.get("error"):
            raise Failure(str(message.get("message") or error))
        if audio := message.get("audio"):
            pcm = base64.b64decode(audio)
            for sink in sinks:
                sink(pcm)
        if message.get("isFinal") is True:
            return


def explain(error: Exception, where: str) -> str:
    match error:
        case ExceptionGroup():
            return explain(error.exceptions[0], where)
        case Failure():
            return str(error)
        case ConnectionClosed():
            return f"{where} closed the connection before the final message: {str(error).rstrip('.')}."
        case ConnectionRefusedError():
            return f"Nothing is listening on {where}."
    return f"Cannot connect to {where}: {getattr(error, 'strerror', None) or error}."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.mode != "forward" and (options.text is None) == (options.file is None):
        parser.error("give the text: either --text or --file")
    if options.play and not shutil.which("ffplay"):
        print("Cannot play: ffplay (a part of FFmpeg) is not on PATH.", file=sys.stderr)
        options.play = False
    figures, code = Figures(), 0
    try:
        asyncio.run(run(options, figures))
        if not figures.packets:
            raise Failure("The server sent no audio.")
    except (Failure, OSError, ValueError, WebSocketException, ExceptionGroup) as error:
        print(explain(error, f"{options.host}:{options.port}"), file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    if figures.packets:
        figures.show()
    return code


if __name__ == "__main__":
    sys.exit(main())
