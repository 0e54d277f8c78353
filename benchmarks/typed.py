"""How soon speech begins after the last word of a text that was typed word by word, and of one that came at once.

    .venv/bin/python benchmarks/typed.py --json typed.json
    .venv/bin/python benchmarks/typed.py --against ../other-checkout     # two commits, in turns, in one run
    .venv/bin/python benchmarks/typed.py --size tiny --repeat 2

Each checkout serves in a process of its own; a client types the words of a text and asks for speech with the last one. Times
are from that message to the first packet of audio on the socket. Without --checkpoint, a checkpoint with random weights is
made. Checkouts take turns, so that a busy spell of the machine meets them all.
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from websockets.asyncio.client import connect

from benchmarks.contenders import LOAD_SECONDS
from benchmarks.live_server import LiveServer, command_environment, write_settings
from benchmarks.provenance import PROJECT_DIR, provenance

TEXTS = (
    "Good morning, and welcome to the show. It is good to have you.",
    "The weather is fine today, and the children are playing in the garden. Later this week it will rain, so take an "
    "umbrella with you.",
    "Nobody has seen the tickets, and the train to the coast leaves early in the morning, long before the sun is up and "
    "the birds begin to sing. So we had better look for them together now, before everybody goes to sleep.",
)
VOICE_ID = "benchmark"
QUERY = "?mode=generate&target_lead_ms=20&output_format=pcm_24000"
# The engine ends what is cancelled within a step.
REST_SECONDS = 0.5


class CheckoutServer(LiveServer):
    """A server from the code in `checkout`, which brings its own settings."""

    def __init__(self, checkout: Path, folder: Path, model: dict[str, Any], speaker: str) -> None:
        folder.mkdir()
        super().__init__(write_settings(folder, forward={"raw_channels": False}, model=model))
        self._checkout = checkout
        self._speaker = speaker

    def __enter__(self) -> Self:
        voice = f"Voice.objects.create(voice_id={VOICE_ID!r}, name={self._speaker!r})"
        for command in (["setup"], ["shell", "-c", f"from voices.models import Voice; {voice}"]):
            self._start(*command).wait(LOAD_SECONDS)
        self.process = self._start("serve")
        try:
            self.wait_until(lambda: self.readiness()["ready"], LOAD_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=self._checkout,
                env=command_environment(self.settings_file),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


async def first_audio(server: LiveServer, text: str, words_per_second: float | None) -> float:
    """Seconds from the last word, or from all of them, to the first audio."""
    *words, last = text.split(" ") if words_per_second else [text]
    loop = asyncio.get_running_loop()
    async with connect(server.url(VOICE_ID, QUERY), max_size=None) as socket:
        for word in words:
            await socket.send(json.dumps({"text": f"{word} "}))
            await asyncio.sleep(1 / (words_per_second or 1))
        begun = loop.time()
        await socket.send(json.dumps({"text": last, "flush": True}))
        while not json.loads(await socket.recv()).get("audio"):
            pass
        seconds = loop.time() - begun
    await asyncio.sleep(REST_SECONDS)
    return seconds


async def measure(servers: dict[str, LiveServer], options: argparse.Namespace) -> list[dict[str, Any]]:
    times: dict[tuple[str, int, str], list[float]] = {}
    for server in servers.values():
        await first_audio(server, TEXTS[0], None)
    for turn in range(options.repeat):
        for length, text in enumerate(TEXTS):
            for how, pace in (("typed", options.words_per_second), ("at once", None)):
                for name, server in servers.items():
                    print(f"turn {turn + 1}: {len(text)} characters {how}, {name}", file=sys.stderr)
                    times.setdefault((name, length, how), []).append(await first_audio(server, text, pace))
    return [
        {"checkout": name, "characters": len(TEXTS[length]), "how": how, "ttfa": median(found), "all": found}
        for (name, length, how), found in times.items()
    ]


def commit_of(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or str(checkout)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        "--against",
        type=Path,
        action="append",
        default=[],
        help="another checkout, to be measured in turns with this one",
    )
    add("--checkpoint", type=Path, help="an XTTS v2 folder with built-in speakers, instead of random weights")
    add("--size", choices=("tiny", "small", "full"), default="full", help="of the checkpoint with random weights")
    add("--words-per-second", type=float, default=5.0)
    add("--repeat", type=int, default=5)
    add("--threads", type=int, default=2)
    add("--json", type=Path, help="where to write everything that was measured")
    return parser.parse_args()


def run(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    from streaming.engine.checkpoint.random_checkpoint import write_random_checkpoint

    checkpoint = options.checkpoint or folder / "checkpoint"
    if not options.checkpoint:
        write_random_checkpoint(checkpoint, options.size)
    import torch

    speaker = next(iter(torch.load(checkpoint / "speakers_xtts.pth", weights_only=True)))
    model = {"checkpoint_path": str(checkpoint.resolve()), "device": "cpu", "threads": options.threads}
    with ExitStack() as stack:
        servers: dict[str, LiveServer] = {}
        for number, checkout in enumerate([PROJECT_DIR, *options.against]):
            server = CheckoutServer(checkout.resolve(), folder / str(number), model, speaker)
            servers[commit_of(checkout)] = stack.enter_context(server)
        return asyncio.run(measure(servers, options))


def main() -> None:
    options = parse()
    # The processes that were started have to be ended, whoever ends this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="xtts-benchmark-") as folder:
        rows = run(options, Path(folder))
    for row in rows:
        print(f"{row['checkout']:12} {row['characters']:4} characters {row['how']:8} {1000 * row['ttfa']:6.0f} ms")
    if options.json:
        options.json.write_text(json.dumps({**provenance(), "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
