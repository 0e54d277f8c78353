"""axe-core: which faults of a page keep people out who do not see it well or use no mouse."""

import functools
from collections.abc import Collection
from pathlib import Path

from tests.node_modules import node_modules
from tests.system.browser.browser import Browser

RUN = """axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
    .filter(fault => ["serious", "critical"].includes(fault.impact))
    .flatMap(fault => fault.nodes.map(node => `${fault.id}: ${node.target.join(" ")}`)))"""


def serious_faults(browser: Browser, known: Collection[str] = ()) -> list[str]:
    """Those that axe-core calls serious or critical, of the page as it is now, each as "rule: selector"; without those that
    begin like a known one."""
    errors = list(browser.all_errors())
    browser.evaluate(f"{_axe()};0")
    faults = browser.evaluate(RUN)
    # It tries styles of its own, which the policy of the page forbids.
    browser.errors[:] = errors + [error for error in browser.all_errors()[len(errors) :] if "inline style" not in error]
    return [fault for fault in faults if not fault.startswith(tuple(known))]


@functools.cache
def _axe() -> str:
    return (node_modules(Path(__file__).with_name("js")) / "axe-core" / "axe.min.js").read_text()
