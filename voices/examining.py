"""Looking into an uploaded file takes time: it is done once, and before a transaction begins. SQLite has one writer at a
time, and the admin has a transaction around a whole form: everybody who spends or stores anything would wait for it.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.core.files.uploadedfile import UploadedFile

from voices.clips import ClipError
from voices.lexicon import LexiconError

_T = TypeVar("_T")
UNUSABLE = (ClipError, LexiconError)
_outcomes: ContextVar[dict[Hashable, object] | None] = ContextVar("outcomes", default=None)


@contextmanager
def remembered() -> Iterator[None]:
    """While one request is answered, what was found of files that are not uploads is known too."""
    token = _outcomes.set({})
    try:
        yield
    finally:
        _outcomes.reset(token)


def once(file: Any, look: Callable[[], _T], about: Hashable = None) -> _T:
    """What `look` returns, or raises of the kinds in UNUSABLE. Later calls get the same outcome without `look`: it is
    kept with an uploaded `file`, or within `remembered` for the file that `about` names."""
    outcomes = _kept_with(file)
    if outcomes is None:
        return look()
    if about not in outcomes:
        outcomes[about] = _outcome(look)
    outcome = outcomes[about]
    if isinstance(outcome, UNUSABLE):
        raise outcome
    answer: _T = outcome  # type: ignore[assignment]
    return answer


def refuse(file: Any, about: Hashable, error: Exception) -> None:
    """From now on, this is what `once` raises."""
    outcomes = _kept_with(file)
    if outcomes is not None:
        outcomes[about] = error


def is_refused(file: Any, about: Hashable) -> bool:
    """Whether `once` would raise, without another look."""
    return isinstance((_kept_with(file) or {}).get(about), UNUSABLE)


def _kept_with(file: Any) -> dict[Hashable, object] | None:
    if isinstance(file, UploadedFile):
        kept: dict[Hashable, object] = vars(file).setdefault("examined", {})
        return kept
    return _outcomes.get() if file is None else None


def _outcome(look: Callable[[], object]) -> object:
    try:
        return look()
    except UNUSABLE as error:
        return error
