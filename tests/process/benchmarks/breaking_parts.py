"""`python -m tests.process.benchmarks.breaking_parts`: a process of the GPU check with parts that end it, hang or fail."""

import os
import sys
import threading

import torch

from benchmarks.gpu.parts import PARTS, Verdict
from benchmarks.gpu.rig import Rig
from benchmarks.gpu.worker import main


def holds(rig: Rig) -> Verdict:
    return Verdict({"width": rig.width})


def fails(rig: Rig) -> Verdict:
    verdict = Verdict()
    verdict.at_most("difference", 0.5, 1e-3)
    return verdict


def raises(rig: Rig) -> Verdict:
    raise RuntimeError("CUDA error: out of luck\nand more")


def dies(rig: Rig) -> Verdict:
    sys.stderr.write("about to die\n")
    sys.stderr.flush()
    os._exit(3)


def loses_the_gpu(rig: Rig) -> Verdict:
    """What follows in the same process would fail as well."""
    PARTS["holds_too"] = fails
    raise torch.AcceleratorError("CUDA error: an illegal memory access")


def hangs(rig: Rig) -> Verdict:
    threading.Event().wait()
    return Verdict()


PARTS |= {
    "holds": holds,
    "fails": fails,
    "raises": raises,
    "dies": dies,
    "loses_the_gpu": loses_the_gpu,
    "hangs": hangs,
    "holds_too": holds,
}

if __name__ == "__main__":
    sys.exit(main())
