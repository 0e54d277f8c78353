"""The keys of a keyboard, as DevTools wants them."""

from typing import Any

# Name: code of the key on Windows, which Chromium has on every system, and the text that it writes.
NAMED = {
    "Backspace": (8, ""),
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    " ": (32, " "),
    "End": (35, ""),
    "Home": (36, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
    "Delete": (46, ""),
}
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}


def strokes(combination: str) -> list[dict[str, Any]]:
    """The events of "Tab", "Shift+Tab", "Control+Enter" or "a"."""
    *held, key = combination.split("+") if len(combination) > 1 else [combination]
    number, text = NAMED[key] if key in NAMED else (ord(key.upper()), key)
    code = key if len(key) > 1 else "Space" if key == " " else f"Key{key.upper()}"
    modifiers = sum(MODIFIERS[name] for name in held)
    event = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
    pressed = (
        {"type": "keyDown", "text": text} if text and not modifiers & ~MODIFIERS["Shift"] else {"type": "rawKeyDown"}
    )
    return [event | pressed, event | {"type": "keyUp"}]
