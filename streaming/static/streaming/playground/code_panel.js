// The tabs with programs.

import { key } from "./api.js";
import { snippet } from "./snippets.js";
import { page, words } from "./words.js";

export class CodePanel {
  /** `order()`: what is to be shown; throws an Error while something is missing. */
  constructor(order) {
    this.order = order;
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.panel = document.getElementById("code");
    this.text = document.getElementById("code-text");
    this.note = document.getElementById("code-note");
    this.said = document.getElementById("copied");
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.choose(tab));
      tab.addEventListener("keydown", event => this.press(event));
    }
    document.getElementById("copy").addEventListener("click", () => this.copy());
  }

  get kind() {
    return this.tabs.find(tab => tab.ariaSelected === "true").dataset.kind;
  }

  choose(chosen) {
    for (const tab of this.tabs) {
      tab.ariaSelected = String(tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", chosen.id);
    this.draw();
  }

  press({ key: pressed }) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[pressed];
    if (!step) return;
    const next = this.tabs.findIndex(tab => tab.ariaSelected === "true") + step;
    const tab = this.tabs[(next + this.tabs.length) % this.tabs.length];
    this.choose(tab);
    tab.focus();
  }

  draw() {
    this.said.textContent = "";
    try {
      const order = this.order();
      const hasKey = page.requireKeys || Boolean(key.get());
      this.text.textContent = snippet(this.kind, order, hasKey);
      const notes = [hasKey && words("keyFromEnvironment"), order.isWords && this.kind !== "python" && words("curlWords")];
      this.note.textContent = notes.filter(Boolean).join(" ");
    } catch (error) {
      this.text.textContent = `# ${error.message}`;
      this.note.textContent = "";
    }
  }

  async copy() {
    const isCopied = navigator.clipboard ? await copied(this.text.textContent) : copiedBySelection(this.text);
    this.said.textContent = words(isCopied ? "copied" : "cannotCopy");
  }
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Without TLS, pages of other machines have no clipboard of the newer kind. */
function copiedBySelection(element) {
  getSelection().selectAllChildren(element);
  return document.execCommand("copy");
}
