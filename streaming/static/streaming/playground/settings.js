// One side's voice and settings, as an order of them.

import { partsOf } from "./call.js";
import { VoicePicker } from "./voice_picker.js";
import { languageName, number, page, words } from "./words.js";

const MOST_SEED = 2 ** 32;
const FAMILIES = { pcm: "pcm", mp3: "mp3", opus: "opus", ulaw: "telephony", alaw: "telephony" };

export class Settings {
  constructor(side, onChange) {
    const part = name => document.getElementById(`${name}-${side}`);
    this.card = part("settings");
    this.language = part("language");
    this.speed = part("speed");
    this.speedShown = part("speed-shown");
    this.seed = part("seed");
    this.format = part("format");
    this.badge = this.card.querySelector("[data-part=side]");
    this.picker = new VoicePicker(part("voice"), part("voices"), part("voices-found"), part("voice-about"));
    this.picker.onChange = voice => {
      this.setSpeed(voice?.settings?.speed ?? 1);
      onChange();
    };
    // On a phone the text and the button come first.
    this.card.querySelector("details").open = matchMedia("(min-width: 36.01rem)").matches;
    this.fillFormats();
    this.card.addEventListener("input", () => {
      this.showSpeed();
      onChange();
    });
    this.setSpeed(1);
  }

  fillFormats() {
    const groups = new Map();
    for (const format of page.formats) {
      const family = FAMILIES[format.family];
      if (!groups.has(family)) groups.set(family, Object.assign(document.createElement("optgroup"), { label: words(family) }));
      groups.get(family).append(new Option(formatLabel(format), format.name));
    }
    this.format.append(...groups.values());
    this.format.value = page.defaultFormat;
  }

  fillLanguages(languages) {
    const kept = this.language.value;
    const options = languages
      .map(({ language_id, name }) => new Option(languageName(language_id, name), language_id))
      .sort((one, other) => one.text.localeCompare(other.text, document.documentElement.lang));
    this.language.replaceChildren(new Option(words("voiceLanguage"), ""), ...options);
    this.language.value = kept;
  }

  setSpeed(speed) {
    this.speed.value = speed;
    this.showSpeed();
  }

  showSpeed() {
    this.speedShown.textContent = words("times", { count: number(this.speed.value, 2) });
  }

  /** Everything that is set here. */
  get values() {
    const { language, speed, seed, format } = this;
    return { voice: this.picker.voice?.voice_id, language: language.value, speed: speed.value, seed: seed.value, format: format.value };
  }

  set values(values) {
    this.picker.choose(this.picker.voices.find(({ voice_id }) => voice_id === values.voice) ?? this.picker.voice);
    Object.assign(this.language, { value: values.language });
    Object.assign(this.seed, { value: values.seed });
    Object.assign(this.format, { value: values.format });
    this.setSpeed(values.speed);
  }

  /** An order for this text, with a seed in any case: with it the same sound can be made again. Throws an Error. */
  order(text, { isWords, pace }, seedOtherwise = randomSeed()) {
    if (!text.trim()) throw new Error(words("noText"));
    const { voice } = this.picker;
    if (!voice) throw new Error(words("noVoice"));
    if (!this.seed.checkValidity()) throw new Error(words("badSeed"));
    return {
      voice: voice.voice_id,
      voiceName: voice.name,
      text,
      parts: partsOf(text, isWords),
      isWords,
      pace,
      language: this.language.value,
      speed: Number(this.speed.value),
      seed: this.seed.value === "" ? seedOtherwise : Number(this.seed.value),
      format: page.formats.find(({ name }) => name === this.format.value),
    };
  }
}

export function randomSeed() {
  return Math.floor(Math.random() * MOST_SEED);
}

function formatLabel({ name, family, rate, kbps }) {
  const kilohertz = words("kilohertz", { count: number(rate / 1000, rate % 1000 ? (rate % 100 ? 2 : 1) : 0) });
  if (FAMILIES[family] === "telephony") return { ulaw: "μ-law", alaw: "A-law" }[family];
  if (!kbps) return `${words(FAMILIES[family])}, ${kilohertz}`;
  return `${words(FAMILIES[family])}, ${kilohertz}, ${words("kilobits", { count: kbps })}`;
}
