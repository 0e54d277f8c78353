"""Numbers that name something, and count nothing."""

import re

from streaming.text.normalization.rules.rule import LOOK_BACK, Said, Tools
from streaming.text.normalization.syntax import ANY_BLANK

# In all languages; the tables have more.
_NAMES = "ISBN ISSN IBAN BIC EAN UPC GTIN IMEI VIN SSN PIN TAN OTP CVV CVC SKU DOI IMO MMSI UUID GUID ID"


class Codes:
    """ "ISBN 978-3-16-148410-0", "PIN 4711", "IBAN DE89 3704 0044": digit by digit, with a pause between the groups. So is a
    chain of groups that is too long for anything else ("123-45-6789")."""

    # Digits: "code 12" may be the verb.
    _LEAST, _LEAST_IN_CHAIN = 3, 9
    _CHAIN = re.compile(r"[0-9]{1,9}(?:-[0-9]{1,9}){2,8}(?![0-9]|-[0-9])")
    _GROUPS = re.compile(r"[0-9]{1,30}(?:[ \u00a0-][0-9]{1,12}){0,9}(?![0-9]|[.,:/][0-9])")

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._pause = tools.language.addresses.get("pause", ", ")
        own, link = (tools.language.addresses.get(entry, "(?!)") for entry in ("codes", "code_link"))
        # The letters are the country's, of an IBAN.
        self._name = re.compile(
            rf"(?<![^\W_])(?:{_NAMES.replace(' ', '|')}|(?i:{own}))(?i:{link})?(?:-1[03])?[:#]?{ANY_BLANK}?(?:[A-Z]{{2}})?$"
        )

    def __call__(self, text: str, start: int) -> Said | None:
        before = text[max(0, start - LOOK_BACK) : start]
        if self._name.search(before):
            match = self._GROUPS.match(text, start)
        elif before[-1:] in "-." and before[-2:-1].isdigit():
            return None
        else:
            match = self._CHAIN.match(text, start)
            if match and sum(map(str.isdigit, match[0])) < self._LEAST_IN_CHAIN:
                return None
        if not match:
            return None
        groups = re.findall("[0-9]+", match[0])
        if sum(map(len, groups)) < self._LEAST:
            return None
        return Said(match.end(), self._pause.join(map(self._numerals.code, groups)))
