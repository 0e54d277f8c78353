"""How far a download is."""

import shutil
import sys
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped] # it has none


class Progress:
    """A bar on a terminal; elsewhere a line at every tenth."""

    def __init__(self, name: str, *, on_terminal: bool) -> None:
        self._name = name
        self._on_terminal = on_terminal
        self._bar: Any = None
        self._tenths = 0

    def __call__(self, have: int, size: int | None) -> None:
        if self._on_terminal:
            self._show(have, size)
        elif size and have * 10 // size > self._tenths and size > 10_000_000:
            self._tenths = have * 10 // size
            print(f"{self._name}: {self._tenths * 10} % of {size / 1e6:.0f} MB", file=sys.stderr)  # noqa: T201

    def _show(self, have: int, size: int | None) -> None:
        if self._bar is None:
            columns, rows = shutil.get_terminal_size()  # never 0, which a terminal in a container may say
            shape = {"ncols": columns, "nrows": rows}
            self._bar = tqdm(desc=self._name, total=size, initial=have, unit="B", unit_scale=True, **shape)
        # Backwards, too: a server may send everything again.
        self._bar.update(have - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
