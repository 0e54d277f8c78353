"""Text as it is written to text as it is said: numbers, signs, markup ("$20" -> "twenty dollars").

Pure text, for every engine. Each engine calls it in its own process, before it cuts a text into what it speaks at once.
"""

from streaming.text.rewriting import Rewriting


def normalize(text: str, language: str) -> Rewriting:
    """`text` as a speaker of `language` ("en", "zh-CN", "pt_BR") would read it out. A language without rules is left as it
    is."""
    return Rewriting.unchanged(text)
