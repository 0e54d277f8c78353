"""One page of a browser, as a person uses it: it looks, clicks, types, and sees what goes wrong."""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.system.browser.devtools import DevTools, Event, Refused, wait_until
from tests.system.browser.keys import strokes

DOMAINS = ("Page", "Runtime", "Log", "Network", "DOM")
IS_LOADED = "!window.isTheOldPage && document.readyState === 'complete'"
FOCUSED = """(element => element.id || element.name || element.innerText || element.tagName)(document.activeElement)"""
SCROLLS = """const scrolls = element => element && element !== document.body
    && (["auto", "scroll", "hidden"].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));"""
TOO_WIDE = """[...document.querySelectorAll("body *")]
    .filter(element => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 1
        && !scrolls(element.parentElement))
    .map(element => `${element.tagName.toLowerCase()}${element.id && "#" + element.id} ${element.className}`)"""
# A phone's width is narrower than 400 px for most.
PHONE_WIDTH, PHONE_HEIGHT = 360, 740


class Browser:
    """With cookies, storage and permissions of its own. `errors`: what its pages wrote into the console as an error."""

    def __init__(self, devtools: DevTools, screenshots: Path) -> None:
        self._devtools = devtools
        self._screenshots = screenshots
        self._context = devtools.call("Target.createBrowserContext")["browserContextId"]
        target = devtools.call("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        self._page = devtools.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.errors: list[str] = []
        devtools.listen(self._page, self._note)
        for domain in DOMAINS:
            self._call(f"{domain}.enable")

    def close(self) -> None:
        """With all that it has stored."""
        self._devtools.call("Target.disposeBrowserContext", browserContextId=self._context)

    def open(self, url: str) -> None:
        """Go to a page, and wait for everything that it loads."""
        self._evaluate("window.isTheOldPage = true")
        failure = self._call("Page.navigate", url=url).get("errorText")
        assert failure is None, f"{url}: {failure}"
        self.wait_until(IS_LOADED)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, or what its promise is fulfilled with."""
        answer = self._evaluate(expression)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Until an expression is true in the page."""
        wait_until(lambda: self._evaluate(expression)["result"].get("value") is True, expression)

    def wait_for(self, selector: str) -> None:
        """Until there is such an element, and it can be seen."""
        self.wait_until(f"document.querySelector({json.dumps(selector)})?.checkVisibility() === true")

    def text(self, selector: str = "body") -> str:
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of an element."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait_until(f"{element} !== null")
        self.evaluate(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = f"(box => [box.x + box.width / 2, box.y + box.height / 2])({element}.getBoundingClientRect())"
        x, y = self.evaluate(box)
        for event in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)

    def drag(self, selector: str, *shares: float) -> None:
        """With the mouse, from one share of an element's width to the next ones."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = f"(box => [box.x, box.width, box.y + box.height / 2])({element}.getBoundingClientRect())"
        left, width, y = self.evaluate(box)
        events = ["mousePressed", *["mouseMoved"] * (len(shares) - 1), "mouseReleased"]
        for event, share in zip(events, (*shares, shares[-1]), strict=True):
            x = left + width * share
            self._call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", buttons=1, clickCount=1)

    def submit(self, selector: str) -> None:
        """Click on what leads to another page, and wait for it."""
        self.leave(lambda: self.click(selector))

    def leave(self, action: Callable[[], None]) -> None:
        """Do what leads to another page, and wait for it."""
        self.evaluate("window.isTheOldPage = true")
        action()
        self.wait_until(IS_LOADED)

    def type(self, selector: str, text: str) -> None:
        self.click(selector)
        self.write(text)

    def write(self, text: str) -> None:
        """Where the cursor is."""
        self._call("Input.insertText", text=text)

    def press(self, *combinations: str) -> None:
        """Keys, one after the other: "Tab", "Shift+Tab", "Control+Enter", "a"."""
        for combination in combinations:
            for event in strokes(combination):
                self._call("Input.dispatchKeyEvent", **event)

    def focused(self) -> str:
        """What the keyboard is at: its id, name, or text."""
        return str(self.evaluate(FOCUSED))

    def choose_file(self, selector: str, *paths: Path) -> None:
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def become_a_phone(self, width: int = PHONE_WIDTH, height: int = PHONE_HEIGHT) -> None:
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True)
        self._call("Emulation.setTouchEmulationEnabled", enabled=True)

    def too_wide(self) -> list[str]:
        """What cannot be seen without moving the page sideways; what scrolls inside something else is not counted."""
        return list(self.evaluate(f"{{{SCROLLS}{TOO_WIDE}}}"))

    def prefer(self, *, dark: bool = False, reduced_motion: bool = False) -> None:
        """As the person has set their system."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"},
        ]
        self._call("Emulation.setEmulatedMedia", features=features)

    def read_in(self, languages: str) -> None:
        """The languages of the person, the best first: "ru", "ru-RU,ru,en". Chromium gives them their weights."""
        agent = self._devtools.call("Browser.getVersion")["userAgent"]
        self._call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=languages)

    def allow(self, *permissions: str) -> None:
        """Say yes for the person: "audioCapture", "clipboardReadWrite", "clipboardSanitizedWrite"."""
        self._devtools.call("Browser.grantPermissions", permissions=list(permissions), browserContextId=self._context)

    def keep_downloads_in(self, folder: Path) -> None:
        """What is saved is there when it is complete, under its own name."""
        self._devtools.call(
            "Browser.setDownloadBehavior",
            behavior="allow",
            browserContextId=self._context,
            downloadPath=str(folder),
        )

    def screenshot(self, label: str = "page") -> Path:
        """Of the whole page, for people to look at."""
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        picture = self._call(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
        )
        self._screenshots.mkdir(parents=True, exist_ok=True)
        file = self._screenshots / f"{re.sub(r'[^A-Za-z0-9-]+', '-', label)}.png"
        file.write_bytes(b64decode(picture["data"]))
        return file

    def all_errors(self) -> list[str]:
        """Those as well that the page is just telling."""
        self._evaluate("0")
        return self.errors

    def _evaluate(self, expression: str) -> dict[str, Any]:
        """A page that is just being left answers nothing."""
        try:
            return self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        except Refused:
            return {"result": {}}

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._devtools.call(method, self._page, **params)

    def _note(self, event: Event) -> None:
        match event:
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.errors.append(str(details))
            case {"method": "Runtime.consoleAPICalled", "params": {"type": "error" | "assert", "args": args}}:
                self.errors.append(" ".join(str(arg.get("value", arg.get("description"))) for arg in args))
            case {"method": "Log.entryAdded", "params": {"entry": {"level": "error", "text": text} as entry}}:
                self.errors.append(f"{text} {entry.get('url', '')}")
