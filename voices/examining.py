"""Looking into an uploaded file takes time: it is done once, and before a transaction begins. SQLite has one writer at a
time, and the admin has a transaction around a whole form: everybody who spends or stores anything would wait for it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.files.uploadedfile import UploadedFile

from voices.clips import ClipError
from voices.lexicon import LexiconError

_T = TypeVar("_T")
UNUSABLE = (ClipError, LexiconError)


def once(file: Any, look: Callable[[], _T]) -> _T:
    """What `look` returns, or raises of the kinds in UNUSABLE. It is kept with an uploaded file, and is the answer from then
    on."""
    if not isinstance(file, UploadedFile):
        return look()
    if "examined" not in vars(file):
        vars(file)["examined"] = _outcome(look)
    outcome = vars(file)["examined"]
    if isinstance(outcome, UNUSABLE):
        raise outcome
    answer: _T = outcome
    return answer


def _outcome(look: Callable[[], object]) -> object:
    try:
        return look()
    except UNUSABLE as error:
        return error
