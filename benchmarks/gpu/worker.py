"""A process of the GPU check: `python -m benchmarks.gpu.worker --size SIZE --device DEVICE --out FOLDER --parts NAME,...`.

Its parts run one after the other; each leaves its result in FOLDER as NAME.result.
"""

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.gpu.parts import PARTS, Verdict
from benchmarks.gpu.profile import times
from benchmarks.gpu.result import SPOILED, Result
from benchmarks.gpu.rig import Rig
from streaming.engine.checkpoint.random_weights import Size


def work(size: Size, device: str, out: Path, names: Sequence[str]) -> None:
    """One part after the other, until one leaves a GPU that computes nothing more."""
    rig = Rig.make(size, device)
    for name in names:
        begun = time.monotonic()
        verdict, is_spoiled = _verdict_of(rig, name, out)
        _leave(Result(name, verdict.word, time.monotonic() - begun, verdict.figures, verdict.said), out)
        if is_spoiled:
            sys.stderr.flush()
            os._exit(SPOILED)


def _verdict_of(rig: Rig, name: str, out: Path) -> tuple[Verdict, bool]:
    """The verdict, and whether this process can go on to no other part."""
    try:
        return times(rig, out) if name == "times" else PARTS[name](rig), False
    except Exception as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return Verdict(failures=[reason]), isinstance(error, torch.AcceleratorError)


def _leave(result: Result, out: Path) -> None:
    """Whole, or not at all: somebody waits for the file."""
    unfinished = out / f"{result.part}.unfinished"
    unfinished.write_text(json.dumps(asdict(result)), encoding="utf-8")
    unfinished.rename(out / f"{result.part}.result")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--size", choices=("tiny", "small", "full"), required=True)
    add("--device", required=True)
    add("--out", type=Path, required=True)
    add("--parts", required=True)
    options = parser.parse_args()
    work(options.size, options.device, options.out, options.parts.split(","))
    return 0


if __name__ == "__main__":
    sys.exit(main())
