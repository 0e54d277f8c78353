// What came of an order: its waveform, its numbers, what can be done with it.

import { fileName, mp3Of, save, wavOf } from "./files.js";
import { Waveform } from "./waveform.js";
import { number, words } from "./words.js";

export class Result {
  /** `doings`: `again(result)`, `keep(result)`, `say(sentence)`, `complain(sentence)`; `making(stop)` while a file is made, and
   * with null when that is over. */
  constructor(side, doings) {
    this.side = side;
    this.card = document.getElementById(`result-${side}`);
    this.badge = this.card.querySelector("[data-part=side]");
    this.title = this.card.querySelector("[data-part=title]");
    this.wave = new Waveform(this.card.querySelector("[data-part=wave]"));
    this.take = null;
    this.doings = doings;
    for (const button of this.buttons) button.addEventListener("click", () => this.act(button.dataset.do));
  }

  get buttons() {
    return this.card.querySelectorAll("[data-do]");
  }

  begin(take) {
    this.take = take;
    this.card.hidden = this.card.parentElement.hidden = false;
    this.title.textContent = `${take.order.voiceName} · ${take.order.format.name}`;
    this.allow(false);
    this.show(0);
  }

  show(heardSeconds) {
    const { take } = this;
    this.wave.show(take, heardSeconds);
    this.put("ttfa", take.ttfa, value => words("milliseconds", { count: number(value) }));
    this.put("rtf", take.rtf, value => number(value, 3));
    this.put("gap", take.length ? take.longestGap : null, value => words("milliseconds", { count: number(value * 1000) }));
    this.put("length", take.length || null, () => words("seconds", { count: number(take.seconds, 1) }));
    this.put("seed", take.order.seed, String);
  }

  put(name, value, shown) {
    const text = value === null ? "–" : shown(value);
    const place = this.card.querySelector(`[data-number=${name}]`);
    if (place.textContent !== text) place.textContent = text;
  }

  /** Whether something can be done with what is there. */
  allow(isAllowed) {
    for (const button of this.buttons) button.disabled = !(isAllowed && this.take?.length);
    if (isAllowed) this.wave.describe();
  }

  act(what) {
    if (what === "again") this.doings.again(this);
    if (what === "keep") this.doings.keep(this);
    if (what === "wav") this.finish(wavOf(this.take), "audio/wav", "wav");
    if (what === "mp3") this.saveMp3();
  }

  async saveMp3() {
    if (this.take.order.format.family !== "mp3") this.doings.say(words("makingFile", { format: "MP3" }));
    const { parts, stop } = mp3Of(this.take);
    this.doings.making(stop);
    try {
      const found = await parts;
      if (found) this.finish(found, "audio/mpeg", "mp3");
    } catch (error) {
      this.doings.say("");
      this.doings.complain(error.message);
    }
    this.doings.making(null);
  }

  finish(parts, type, ending) {
    const name = fileName(this.take, ending);
    save(parts, type, name);
    this.doings.say(words("fileSaved", { name }));
  }
}
