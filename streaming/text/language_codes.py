"""Codes of languages (BCP 47): "en", "zh-CN", and "pt_BR" as some write it."""


def primary_subtag(code: str) -> str:
    """The language without region or script: zh of zh-CN, pt of pt_BR, en of EN."""
    return code.strip().replace("_", "-").partition("-")[0].lower()
