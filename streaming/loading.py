"""What a process imports for its whole life, the garbage collector need not look at."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports_kept() -> Iterator[None]:
    """Within, nothing is collected, and everything that is there at the end is left out of all later collections.

    The collector goes over all modules again and again while they grow: a fifth of the time that importing Django or
    PyTorch takes. For imports only: whatever else is made within and given up is not freed either, if it refers to itself.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
