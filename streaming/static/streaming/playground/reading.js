// The text behind the field: what has been heard, and the word that is heard now.

import { wordBefore } from "./alignment.js";

export class Reading {
  constructor(field, mirror) {
    this.field = field;
    this.mirror = mirror;
    this.sheet = mirror.closest(".sheet");
    this.heard = document.createElement("span");
    this.word = document.createElement("mark");
    this.sent = document.createElement("span");
    this.unsent = document.createElement("span");
    this.heard.className = "heard";
    this.unsent.className = "unsent";
    mirror.append(this.heard, this.word, this.sent, this.unsent);
    field.addEventListener("input", () => this.clear());
    this.clear();
  }

  clear() {
    this.show(this.field.value, 0, this.field.value.length);
    this.word.textContent = "";
    this.shown = null;
  }

  /** `place`: the end of what has begun to sound; `sentChars`: how much of the text is on its way. */
  show(text, place, sentChars) {
    const key = `${place} ${sentChars} ${text.length}`;
    if (key === this.shown) return;
    this.shown = key;
    const [begin, end] = wordBefore(text, place);
    const sent = Math.max(end, sentChars);
    this.heard.textContent = text.slice(0, begin);
    this.word.textContent = text.slice(begin, end);
    this.sent.textContent = text.slice(end, sent);
    // A line break at the end would have no height.
    this.unsent.textContent = `${text.slice(sent)}\u200b`;
    this.mirror.parentElement.classList.toggle("arriving", sentChars < text.length);
    if (end > begin) this.follow();
  }

  follow() {
    const { top, bottom } = this.word.getBoundingClientRect();
    const frame = this.sheet.getBoundingClientRect();
    if (top < frame.top + 8) this.sheet.scrollTop -= frame.top + 24 - top;
    if (bottom > frame.bottom - 8) this.sheet.scrollTop += bottom - frame.bottom + 48;
  }
}
