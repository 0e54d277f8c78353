// A field that finds a voice among one or among hundreds: ARIA's combobox with a list.

import { languageName, number, words } from "./words.js";

const MOST_SHOWN = 100;

export class VoicePicker {
  constructor(input, list, found, about) {
    Object.assign(this, { input, list, found, about });
    this.voices = [];
    this.voice = null;
    this.active = -1;
    this.onChange = () => {};
    input.addEventListener("focus", () => input.select());
    input.addEventListener("click", () => this.open(""));
    input.addEventListener("input", () => this.open(input.value));
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", event => this.press(event));
    // The field keeps the focus while the list is clicked.
    list.addEventListener("pointerdown", event => event.preventDefault());
    list.addEventListener("click", event => this.take(event.target.closest("li")?.dataset.voice));
  }

  fill(voices, wanted) {
    const language = document.documentElement.lang;
    this.voices = [...voices].sort((one, other) => one.name.localeCompare(other.name, language, { numeric: true }));
    const known = id => voices.find(({ voice_id }) => voice_id === id);
    this.choose(known(wanted) ?? known(this.voice?.voice_id) ?? voices[0] ?? null);
  }

  choose(voice) {
    this.voice = voice;
    this.input.value = voice?.name ?? "";
    this.about.textContent = voice ? describe(voice) : words("noVoices");
    this.onChange(voice);
  }

  get isOpen() {
    return !this.list.hidden;
  }

  open(search) {
    const matching = this.voices.filter(voice => matches(voice, search));
    const shown = matching.slice(0, MOST_SHOWN);
    this.list.replaceChildren(...shown.map((voice, i) => this.option(voice, i)));
    if (!shown.length) this.list.append(Object.assign(document.createElement("li"), { textContent: words("voicesNone"), className: "none" }));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    const values = { count: number(matching.length), shown: number(shown.length) };
    this.found.textContent = words(matching.length > shown.length ? "voicesFirst" : "voicesFound", values);
    this.activate(search ? 0 : shown.indexOf(this.voice));
  }

  option(voice, i) {
    const option = document.createElement("li");
    option.id = `${this.list.id}-${i}`;
    option.role = "option";
    option.dataset.voice = voice.voice_id;
    option.setAttribute("aria-selected", String(voice === this.voice));
    const name = Object.assign(document.createElement("span"), { textContent: voice.name, className: "name" });
    const more = Object.assign(document.createElement("span"), { textContent: describe(voice), className: "more" });
    option.append(name, more);
    return option;
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.input.value = this.voice?.name ?? "";
  }

  activate(place) {
    const options = this.list.querySelectorAll("[role=option]");
    options[this.active]?.classList.remove("active");
    this.active = Math.max(-1, Math.min(place, options.length - 1));
    const option = options[this.active];
    if (!option) return this.input.removeAttribute("aria-activedescendant");
    option.classList.add("active");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  take(id) {
    const voice = this.voices.find(({ voice_id }) => voice_id === id);
    if (voice) this.choose(voice);
    this.close();
  }

  press(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) {
      event.preventDefault();
      if (this.isOpen) this.activate(Math.max(0, this.active + step));
      else this.open("");
    } else if (event.key === "Enter" && this.isOpen && !event.ctrlKey) {
      event.preventDefault();
      this.take(this.list.querySelector(".active")?.dataset.voice);
    } else if (event.key === "Escape" && this.isOpen) {
      event.stopPropagation();
      this.close();
    }
  }
}

function describe(voice) {
  const { language, ...others } = voice.labels;
  const labels = Object.values(others);
  return [voice.voice_id, language && languageName(language, language), ...labels].filter(Boolean).join(" · ");
}

function matches(voice, search) {
  const text = plain([voice.name, voice.description, describe(voice)].join(" "));
  return plain(search).split(/\s+/).every(word => text.includes(word));
}

function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
}
