// The key of the tab.

import { key } from "./api.js";
import { page, words } from "./words.js";

export class KeyForm {
  /** `onKey()`: there is another key, or none any more. */
  constructor(onKey) {
    this.onKey = onKey;
    this.form = document.getElementById("key-form");
    this.field = document.getElementById("key");
    this.problem = document.getElementById("key-problem");
    this.opener = document.getElementById("key-open");
    this.forgetter = document.getElementById("key-forget");
    this.form.addEventListener("submit", event => this.submit(event));
    this.forgetter.addEventListener("click", () => this.forget());
    this.opener.addEventListener("click", () => (this.form.hidden ? this.ask("") : this.show(false)));
    this.show(false);
  }

  show(isShown) {
    this.form.hidden = !isShown;
    this.opener.ariaExpanded = String(isShown);
    this.forgetter.hidden = !key.get();
    document.body.toggleAttribute("data-has-key", Boolean(key.get()));
  }

  /** `problem`: the server's sentence. */
  ask(problem) {
    this.show(true);
    this.problem.textContent = problem;
    this.field.value = "";
    this.field.focus();
  }

  get isMissing() {
    return page.requireKeys && !key.get();
  }

  submit(event) {
    event.preventDefault();
    if (!this.field.value.trim()) return this.field.focus();
    key.keep(this.field.value.trim());
    this.field.value = "";
    this.problem.textContent = "";
    this.show(false);
    this.onKey(words("keyKept"));
  }

  forget() {
    key.forget();
    this.show(false);
    this.onKey(words("keyForgotten"));
  }
}
