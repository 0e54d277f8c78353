"""Markdown and HTML laid aside: what lays a text out, and says nothing.

Markdown by CommonMark 0.31 and GitHub's tables, as far as it is seen in plain sentences; of HTML only elements that exist,
so that "<name>" stays. Every pattern is bounded: the work grows with the text.
"""

import html
import re
from collections.abc import Iterator

from streaming.text.rewriting import Replacement, Rewriting

_INLINE = (
    "a abbr b big bdi bdo cite code del dfn em font i img ins kbd label mark q s samp small span strike strong sub sup tt u "
    "var wbr"
)
_BLOCKS = (
    "address article aside blockquote body br button caption center dd details div dl dt figcaption figure footer form h1 "
    "h2 h3 h4 h5 h6 head header hr html input li link main meta nav ol option p pre script section select style summary "
    "table tbody td tfoot th thead title tr ul video audio"
)
_BLOCK_NAMES = frozenset(_BLOCKS.split())
_NAMES = "|".join(sorted([*_INLINE.split(), *_BLOCKS.split()], key=len, reverse=True))

_MARKUP = re.compile(
    rf"""
    (?P<comment><!--[^<>]{{0,1000}}-->)
    | (?P<tag></?(?P<name>{_NAMES})(?:\s[^<>]{{0,1000}})?/?>)
    | (?P<entity>&(?:[a-z][a-z0-9]{{1,30}}|\#[0-9]{{1,7}}|\#x[0-9a-f]{{1,6}});)
    | (?P<rule>^[ \t]{{0,8}}+(?:[|:*_=-][ \t]{{0,8}}+){{3,200}}$)
    | (?P<fence>^[ \t]{{0,8}}(?:```|~~~)[\w+-]{{0,30}}[ \t]{{0,8}}$)
    | (?P<start>^[ \t]{{0,40}}(?:>[ \t]?){{0,8}}
        (?:(?:\#{{1,6}}|[-*+•‣◦▪–—](?:[ \t]\[[ xX]\])?)[ \t]{{1,8}})?(?:\|[ \t]?)?(?=\S))
    | (?P<end>(?:[ \t]{{1,8}}\#{{1,6}}|[ \t]{{0,8}}\|)[ \t]{{0,8}}$)
    | (?P<image>!?\[(?=[^\[\]\n]{{0,300}}\]\([^()\s]{{0,1000}}(?:[ ]"[^"\n]{{0,300}}")?\)))
    | (?P<target>\]\([^()\s]{{0,1000}}(?:[ ]"[^"\n]{{0,300}}")?\))
    | (?P<footnote>\[\^[\w-]{{1,30}}\]:?)
    | (?P<angle><(?=(?:https?://|mailto:)?[^\s<>@]{{1,200}}[@.:][^\s<>]{{1,500}}>)|(?<=[\w/])>(?=[\s.,;:!?)]|$))
    | (?P<cell>[ \t]{{1,8}}\|[ \t]{{1,8}})
    | (?P<line_end>\n)
    | (?P<code>`{{1,9}})
    | (?P<struck>~~|\#{{2,30}})
    | (?P<strong>\*{{2,9}}|(?<!\w)_{{1,9}}(?=\w)|(?<=[\w.,;:!?])_{{1,9}}(?!\w))
    | (?P<emphasis>(?<![\w*])\*(?=[^\W\d_]|["'“(])|(?<=[\w.,;:!?"'”)])(?<![0-9])\*(?![\w*]))
    | (?P<escape>\\(?=[\\`*_{{}}\[\]()\#+.!<>|~-]))
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
# How much before the end of a line tells how it ends; longer lines are no headings.
_LOOK_BACK = 16
_LONGEST_HEADING = 200
_CLOSING = ")]\"'”’»"
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]")
# An empty line, a heading, an item, a line of signs.
_NEXT_IS_ANOTHER = re.compile(r"[ \t]{0,40}(?:\n|$|(?:#{1,6}|[-*+•‣◦▪–—]|[0-9]{1,3}[.)])[ \t]|[=_*-]{3})")
# A text without any of these has no markup.
_SIGNS = re.compile(r"[<&|`*_~#\[\\>\n]|^[ \t]*(?:[-+•‣◦▪–—][ \t]|={3}|-{3})", re.MULTILINE)


def without_markup(text: str) -> Rewriting:
    """`text` without what only lays it out."""
    return Rewriting.replacing(text, find_markup(text))


def find_markup(text: str) -> Iterator[Replacement]:
    """What of `text` is laid aside, in order, and what is said there instead: mostly nothing."""
    if not _SIGNS.search(text):
        return
    for match in _MARKUP.finditer(text):
        spoken = _spoken(match)
        if match.end() > match.start() and spoken != match[0]:
            yield Replacement(match.start(), match.end(), spoken)


def _spoken(match: re.Match[str]) -> str:
    if match["entity"]:
        return html.unescape(match[0])
    if match["line_end"]:
        return _stop_at(match.string, match.start()) + "\n"
    if match["tag"]:
        return " " if match["name"].lower() in _BLOCK_NAMES else ""
    return ", " if match["cell"] else ""


def _stop_at(text: str, end: int) -> str:
    """What ends the line that ends there, if it has no mark of its own: a paragraph, a heading or an item of a list is
    followed by a pause. Any other line goes on in the next one."""
    before = text[max(0, end - _LOOK_BACK) : end].rstrip(" \t*_`~#|")[-1:]
    if not before or not (before.isalnum() or before in _CLOSING):
        return ""
    line = text[max(0, end - _LONGEST_HEADING) : end].rpartition("\n")[2]
    if not (_NEXT_IS_ANOTHER.match(text, end + 1) or _HEADING.match(line)):
        return ""
    return "。" if "\u3040" <= before <= "\u9fff" else "."
