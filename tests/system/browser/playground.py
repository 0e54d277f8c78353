"""The playground as a person uses it."""

import json
from dataclasses import dataclass
from typing import Any

from benchmarks.live_server import LiveServer
from tests.system.browser.browser import Browser

IS_IDLE = "document.body.dataset.state === 'idle'"
IS_HEARD = "document.querySelector('#level').value > 0.05"
# Each word that is marked, as it comes, with the seconds since the first.
WATCH = """(() => {
    window.marked = [];
    const mark = document.querySelector("#reading mark"), begin = {};
    new MutationObserver(() => {
        if (!mark.textContent || window.marked.at(-1)?.word === mark.textContent) return;
        begin.at ??= performance.now();
        window.marked.push({word: mark.textContent, seconds: (performance.now() - begin.at) / 1000});
    }).observe(mark, {childList: true, characterData: true, subtree: true});
})()"""


@dataclass(frozen=True)
class Playground:
    browser: Browser
    server: LiveServer
    prefix: str = ""

    def open(self, query: str = "") -> None:
        self.browser.open(f"{self.server.base_url}{self.prefix}/{query}")

    def open_and_load(self, query: str = "") -> None:
        """With its voices and the engine's languages."""
        self.open(query)
        self.browser.wait_until("document.querySelectorAll('#language-a option').length > 1")

    def write(self, text: str) -> None:
        self.browser.click("#text")
        self.browser.press("Control+a")
        self.browser.write(text)

    def choose(self, field: str, value: str) -> None:
        """Of a list, or of a field for a number."""
        code = "(field => { field.value = %s; field.dispatchEvent(new Event('input', {bubbles: true})); })(%s)"
        self.browser.evaluate(code % (json.dumps(value), f"document.getElementById({json.dumps(field)})"))

    def speak(self) -> None:
        self.browser.click("#speak")
        self.browser.wait_until(IS_HEARD)

    def speak_to_the_end(self) -> None:
        self.speak()
        self.browser.wait_until(IS_IDLE)

    def number(self, name: str, side: str = "a") -> str:
        return self.browser.text(f"#result-{side} [data-number={name}]")

    def seconds(self, side: str = "a") -> float:
        return float(self.number("length", side).partition("\xa0")[0].partition(" ")[0])

    def watch_the_words(self) -> None:
        self.browser.evaluate(WATCH)

    @property
    def marked(self) -> list[dict[str, Any]]:
        return list(self.browser.evaluate("window.marked"))

    @property
    def problem(self) -> str:
        return self.browser.text("#problem")

    def running(self) -> int:
        """How many utterances the engine is speaking."""
        return int(self.server.readiness()["engine"]["running"])
