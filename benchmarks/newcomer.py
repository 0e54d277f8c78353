"""How long somebody who speaks is held up by a newcomer whose text has to be read: this commit against another one, in
turns, in one run.

    git worktree add /tmp/before 21f3080
    .venv/bin/python benchmarks/newcomer.py --before /tmp/before

One utterance speaks, and another one comes: soon, when the listener has little audio left, or late, when there is plenty.
Each of the engine's steps is timed without the decodes between them, which both commits have alike. Random weights.

lead      the audio that the listener has left when the newcomer comes
step      the median of the steps before the newcomer comes
longest   the longest step from there until the newcomer has its first latent
stall     what the longest takes more than the median step
ready     from the newcomer's coming until it has its first latent

Medians of the turns.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.comparison import TEXTS
from benchmarks.engine_table import table
from benchmarks.provenance import PROJECT_DIR, provenance
from streaming.engine.checkpoint.random_checkpoint import SPEAKER_NAMES, write_random_checkpoint

SPEAKER_TOKENS, NEWCOMER_TOKENS = 80, 4
# After how many tokens the newcomer comes.
COMES = {"soon": 12, "late": 40}
MEASURES = ("lead", "step", "longest", "stall", "ready")
# What a checkout runs, with its own code. It prints the measures of a turn in a line.
CHILD = """
import json, sys, threading, time
from statistics import median
from benchmarks.measured_engine import MeasuredEngine
from streaming.engine.contract import SpeechRequest, VoiceRef

options, speaker, texts, tokens = json.loads(sys.argv[1])
voice = VoiceRef(speaker=speaker)

class Timed(MeasuredEngine):
    def begin_turn(self, comes_after):
        self.steps, self.decoding, self.came, self.ready, self.over = [], 0.0, None, None, threading.Event()
        self.comes_after, self.lead, self.heard_since, self.produced = comes_after, 0.0, None, 0.0

    def _sample(self, utterances, latents, logits):
        super()._sample(utterances, latents, logits)
        now, names = time.perf_counter(), [each.request.request_id for each in utterances]
        if any(name.startswith("new") for name in names) and self.ready is None:
            self.ready = now
        if any(name.startswith("first") for name in names):
            self.steps.append((now, self.decoding))
            self.decoding = 0.0
            if len(self.steps) == self.comes_after:
                self.came = time.perf_counter()
                self.lead = self.produced - (self.came - (self.heard_since or self.came))
                self.submit(SpeechRequest(f"new:{tokens[1]}", texts[1], voice, seed=2), lambda event: None)

    def _hand_out(self, utterances):
        begun = time.perf_counter()
        super()._hand_out(utterances)
        self.decoding += time.perf_counter() - begun

    def measured(self):
        ends = [at for at, _ in self.steps]
        took = [after - before - decoding for before, (after, decoding) in zip(ends, self.steps[1:])]
        alone = median(took[: self.comes_after - 1])
        beside = [each for each, before in zip(took, ends) if self.came <= before + 1e-3 and before < self.ready]
        return {
            "lead": self.lead, "step": alone, "longest": max(beside), "stall": max(beside) - alone,
            "ready": self.ready - self.came,
        }

def heard(event):
    if hasattr(event, "samples"):
        engine.heard_since = engine.heard_since or time.perf_counter()
        engine.produced += len(event.samples) / engine.info.sample_rate
    if type(event).__name__ in ("Finished", "Failed"):
        engine.over.set()

engine = Timed(**options)
engine.begin_turn(0)
engine.warm_up()
threading.Thread(target=engine.run, daemon=True).start()
while line := sys.stdin.readline():
    engine.begin_turn(int(line))
    engine.submit(SpeechRequest(f"first:{tokens[0]}", texts[0], voice, seed=1), heard)
    engine.over.wait()
    print(json.dumps(engine.measured()), flush=True)
engine.stop()
"""


class Checkout:
    """An engine of another checkout, or of this one: `turn` gives the measures of one more turn, in seconds. The first turn
    is for what is done once."""

    def __init__(self, root: Path, options: dict[str, object]) -> None:
        texts, tokens = [TEXTS[1], TEXTS[0]], [SPEAKER_TOKENS, NEWCOMER_TOKENS]
        arguments = json.dumps([options, SPEAKER_NAMES[0], texts, tokens])
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, arguments],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self, comes_after: int) -> dict[str, float]:
        """Raises RuntimeError if the engine has ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("The engine of a checkout has no pipes.")
        stdin.write(f"{comes_after}\n")
        stdin.flush()
        if line := stdout.readline():
            return dict(json.loads(line))
        raise RuntimeError("The engine of a checkout has ended.")

    def close(self) -> None:
        self._process.communicate()


def measured(checkouts: dict[str, Checkout], turns: int, comes_after: int) -> dict[str, dict[str, float]]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for turn in range(turns + 1):
        for name, checkout in checkouts.items():
            result = checkout.turn(comes_after)
            if turn:
                found[name].append(result)
    return {name: {key: median(turn[key] for turn in each) for key in MEASURES} for name, each in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--before", type=Path, required=True, help="a checkout of the other commit")
    add("--checkpoint", type=Path, help="an XTTS v2 folder with built-in speakers, instead of random weights")
    add("--size", choices=("tiny", "small", "full"), default="full", help="of the checkpoint with random weights")
    add("--turns", type=int, default=7)
    add("--threads", type=int, default=2)
    options = parser.parse_args()
    before = options.before.resolve()
    with tempfile.TemporaryDirectory(prefix="xtts-newcomer-") as folder:
        checkpoint = options.checkpoint or Path(folder) / "checkpoint"
        if not options.checkpoint:
            write_random_checkpoint(checkpoint, options.size)
        model: dict[str, object] = {"checkpoint_path": str(checkpoint), "device": "cpu", "precision": "auto"}
        model |= {"threads": options.threads, "slots": 2, "folder": folder}
        roots = {"before": before, "after": PROJECT_DIR}
        checkouts = {name: Checkout(root, model) for name, root in roots.items()}
        try:
            results = {when: measured(checkouts, options.turns, tokens) for when, tokens in COMES.items()}
        finally:
            for checkout in checkouts.values():
                checkout.close()
    about = provenance()
    other = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=before, capture_output=True, text=True, check=True
    ).stdout.strip()
    print(
        f"{about['command']}; {about['machine']['cores']} x {about['machine']['cpu']}; {other} and {about['commit']}\n"
    )
    rows = [
        [when, key, *(f"{1000 * found[name][key]:.0f} ms" for name in roots)]
        for when, found in results.items()
        for key in MEASURES
    ]
    print("\n".join(table(("newcomer", "measure", other, about["commit"]), rows)))


if __name__ == "__main__":
    main()
