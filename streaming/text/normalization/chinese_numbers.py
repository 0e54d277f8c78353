"""Numbers in Chinese characters, by the rules of GB/T 15835-2011 and of everyday speech. The number library has none."""

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_SCALE = ("", "万", "亿", "兆", "京", "垓")


def spell_chinese(number: int) -> str:
    """`number`, not negative and below 10 to the power of 24, in words."""
    if number == 0:
        return _DIGITS[0]
    groups = []
    while number:
        number, group = divmod(number, 10_000)
        groups.append(group)
    words = ""
    has_gap = False
    for place in range(len(groups) - 1, -1, -1):
        group = groups[place]
        if not group:
            has_gap = bool(words)
            continue
        # What is left out in the middle is said once: 一万零五.
        words += (_DIGITS[0] if words and (has_gap or group < 1000) else "") + _group(group) + _SCALE[place]
        has_gap = False
    # 十二, not 一十二, at the beginning.
    return words.removeprefix("一") if words.startswith("一十") else words


def _group(number: int) -> str:
    words = ""
    has_gap = False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if not digit:
            has_gap = bool(words)
            continue
        words += (_DIGITS[0] if has_gap else "") + _DIGITS[digit] + _PLACES[place]
        has_gap = False
    return words
