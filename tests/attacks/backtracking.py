"""Every pattern that reads numbers, signs and markup, against texts that are made from the pattern itself to make it go back
and try again. Run as a program: its processor time is limited, so that a pattern that never ends ends there.

    python -m tests.attacks.backtracking [pattern]

Prints the name of each pattern before it is tried, and a line that begins with "slow" for one whose work grows faster than
the text. Measured is the time of the processor that this process has used, which others on the machine do not count in.
"""

import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from re import _constants, _parser
from typing import Any

# Seconds of the processor. All patterns together take a twentieth of it.
MOST_SECONDS = 300
# The long text is compared with short ones that are together as long: work that grows with the text is the same, and work
# that grows with its square 16 times as much.
SHORT, LONG = 450, 7200
MOST_GROWTH = 5
# Seconds below which nothing is compared: where the clock of a process goes in steps, they have 10 ms.
_NOTHING = 0.05
# How often a pattern has to be too slow.
_TRIES = 3

ROOM = Path(__file__).parents[2] / "streaming" / "text" / "normalization"
# How the reader moves on where nothing fits; and how far back what is before a place is looked at.
_STEPS = re.compile(r"[0-9]+|[A-Za-z]+|[^\W\d_A-Za-z]+|.", re.DOTALL)
_LOOK_BACK = 40
# Their patterns are searched for in the whole text, and not tried at one place.
_SEARCHED = frozenset({"characters", "markup", "reader"})
_CATEGORIES = {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
_REPEATS = frozenset({_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT})
_FEW = 3


# Texts


def attacks(items: Sequence[Any], before: str = "") -> Iterator[tuple[str, str]]:
    """For each repetition in a parsed pattern: a text that leads to it, and what is repeated there."""
    for operator, argument in items:
        for inner in _inner(operator, argument):
            yield from attacks(inner, before)
        if operator in _REPEATS and argument[1] > _FEW:
            yield before, _sample(argument[2]) or "a"
        before += _sample_of(operator, argument)


def _inner(operator: Any, argument: Any) -> Iterator[Sequence[Any]]:
    if operator in _REPEATS:
        yield argument[2]
    elif operator is _constants.BRANCH:
        yield from argument[1]
    elif operator is _constants.SUBPATTERN:
        yield argument[3]
    elif operator is _constants.ATOMIC_GROUP:
        yield argument
    elif operator in (_constants.ASSERT, _constants.ASSERT_NOT):
        yield argument[1]


def _sample(items: Sequence[Any]) -> str:
    return "".join(_sample_of(operator, argument) for operator, argument in items)


def _sample_of(operator: Any, argument: Any) -> str:
    """A text that fits, as far as that is simple; nothing for what has no width."""
    if operator is _constants.LITERAL:
        return chr(argument)
    if operator in (_constants.NOT_LITERAL, _constants.ANY):
        return "a"
    if operator is _constants.IN:
        return _member(argument)
    if operator in _REPEATS:
        return _sample(argument[2]) * max(int(argument[0]), 1)
    inner = next(_inner(operator, argument), ()) if operator not in (_constants.ASSERT, _constants.ASSERT_NOT) else ()
    return _sample(inner)


def _member(items: Sequence[Any]) -> str:
    if items[0][0] is _constants.NEGATE:
        taken = {chr(argument) for operator, argument in items[1:] if operator is _constants.LITERAL}
        return next(char for char in "a1.-我" if char not in taken)
    operator, argument = items[0]
    if operator is _constants.LITERAL:
        return chr(argument)
    return chr(argument[0]) if operator is _constants.RANGE else _CATEGORIES.get(str(argument), "a")


def texts(pattern: re.Pattern[str]) -> Iterator[Callable[[int], str]]:
    """Of any length: what is repeated goes on and then breaks off, and the beginning is there again and again."""
    tree = list(_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
    yield partial(_repeated, "", _sample(tree) or "a", "")
    for before, part in dict.fromkeys(attacks(tree)):
        yield partial(_repeated, before, part, "\x01")
        if before:
            yield partial(_repeated, "", before + part * 2, "")


def _repeated(before: str, part: str, after: str, length: int) -> str:
    return before + (part * length)[:length] + after


# Work


def work(pattern: re.Pattern[str], text: str, *, is_searched: bool) -> float:
    begun = time.process_time()
    if is_searched:
        for _ in pattern.finditer(text):
            pass
    elif pattern.pattern.endswith("$"):
        for step in _STEPS.finditer(text):
            pattern.search(text, max(0, step.start() - _LOOK_BACK), step.start())
    else:
        for step in _STEPS.finditer(text):
            pattern.match(text, step.start())
    return time.process_time() - begun


def grows_too_fast(pattern: re.Pattern[str], made: Callable[[int], str], *, is_searched: bool) -> bool:
    def costs(length: int) -> float:
        return sum(work(pattern, made(length), is_searched=is_searched) for _ in range(LONG // length))

    for _ in range(_TRIES):
        long = costs(LONG)
        if long < _NOTHING or long < MOST_GROWTH * costs(SHORT):
            return False
    return True


def patterns_of_the_room() -> dict[str, tuple[re.Pattern[str], bool]]:
    """Each pattern that is compiled while all languages are loaded, once: by a name, with how it is used."""
    found: dict[str, tuple[re.Pattern[str], bool]] = {}
    compile_one = re.compile

    def compile_and_keep(pattern: Any, flags: Any = 0) -> Any:
        compiled, file = compile_one(pattern, flags), Path(sys._getframe(1).f_code.co_filename)
        if file.is_relative_to(ROOM):
            found.setdefault(f"{file.stem}: {compiled.pattern[:300]!r}", (compiled, file.stem in _SEARCHED))
        return compiled

    re.compile = compile_and_keep
    from streaming.text.normalization.language import known_languages
    from streaming.text.normalization.normalizer import normalize

    for language in (*known_languages(), "pt-PT", "es-MX"):
        normalize("1", language)
    re.compile = compile_one
    return found


def _tell(what: str, name: str) -> None:
    sys.stdout.write(f"{what} {name}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    seconds = int(arguments[1]) if len(arguments) > 1 else MOST_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    tried = {argument: (re.compile(argument), False) for argument in arguments[:1]} or patterns_of_the_room()
    for name, (pattern, is_searched) in tried.items():
        _tell("trying", name)
        if any(grows_too_fast(pattern, made, is_searched=is_searched) for made in texts(pattern)):
            _tell("slow", name)


if __name__ == "__main__":
    main(sys.argv[1:])
