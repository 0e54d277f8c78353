// The waveform of a recording: what of it is used is shown, heard, and chosen by dragging. The fields below it are what counts: they
// can be written with the keyboard, and the waveform follows them.
"use strict";

// Nearer to an end of the selection than this, in pixels, a finger moves that end.
const GRIP = 14;
const SHORTEST_SECONDS = 0.2;

class Trim {
    constructor(clip, fields) {
        this.clip = clip;
        this.fields = fields;
        this.waveform = clip.querySelector(".clip-waveform");
        this.audio = clip.querySelector("audio");
        this.before = this.cover("before");
        this.behind = this.cover("behind");
        this.head = this.cover("head");
        clip.append(this.tools());
        Object.values(fields).forEach(field => field.addEventListener("input", () => this.show()));
        this.waveform.addEventListener("pointerdown", event => this.drag(event));
        this.audio?.addEventListener("timeupdate", () => this.follow());
        this.audio?.addEventListener("pause", () => this.ended());
        this.show();
    }

    // Until it is known, one second: nothing can be chosen yet.
    get seconds() {
        return Number(this.clip.dataset.seconds) || 1;
    }

    get start() {
        return Math.min(this.seconds, Math.max(0, Number(this.fields.trim_start.value) || 0));
    }

    get end() {
        const written = this.fields.trim_end.value;
        return written === "" ? this.seconds : Math.min(this.seconds, Math.max(this.start, Number(written) || 0));
    }

    show() {
        const part = seconds => `${100 * seconds / this.seconds}%`;
        this.before.style.width = part(this.start);
        this.behind.style.width = part(this.seconds - this.end);
        if (this.amplifier) {
            this.amplifier.gain.value = this.factor();
        }
    }

    factor() {
        return 10 ** ((Number(this.fields.gain.value) || 0) / 20);
    }

    write(start, end) {
        this.fields.trim_start.value = start.toFixed(2);
        this.fields.trim_end.value = end >= this.seconds ? "" : end.toFixed(2);
        this.show();
    }

    drag(event) {
        if (!Number(this.clip.dataset.seconds)) {
            return;
        }
        const box = this.waveform.getBoundingClientRect();
        const at = moved => this.seconds * Math.min(1, Math.max(0, (moved.clientX - box.left) / box.width));
        const near = seconds => Math.abs(event.clientX - box.left - box.width * seconds / this.seconds) < GRIP;
        const {start, end} = this;
        const fixed = near(end) ? start : near(start) ? end : at(event);
        const move = moved => {
            const [from, to] = [fixed, at(moved)].sort((one, other) => one - other);
            if (to - from >= SHORTEST_SECONDS) {
                this.write(from, to);
            }
        };
        const leave = () => this.waveform.removeEventListener("pointermove", move);
        event.preventDefault();
        this.waveform.setPointerCapture(event.pointerId);
        this.waveform.addEventListener("pointermove", move);
        this.waveform.addEventListener("pointerup", leave, {once: true});
        this.waveform.addEventListener("pointercancel", leave, {once: true});
    }

    tools() {
        const tools = Object.assign(document.createElement("div"), {className: "clip-tools"}), {play, suggest, decibels, hint} = this.clip.dataset;
        if (this.audio) {
            this.button = Trim.button(play, () => this.playing ? this.audio.pause() : this.play());
            tools.append(this.button);
        }
        if (Number(this.clip.dataset.suggestedGain) > 0) {
            const gain = Number(this.clip.dataset.suggestedGain).toLocaleString(document.documentElement.lang || "en");
            tools.append(Trim.button(`${suggest}: ${gain} ${decibels}`, () => {
                this.fields.gain.value = this.clip.dataset.suggestedGain;
                this.show();
            }));
        }
        tools.append(Object.assign(document.createElement("p"), {className: "clip-hint", textContent: hint}));
        return tools;
    }

    async play() {
        if (!this.amplifier) {
            const context = new AudioContext();
            this.amplifier = new GainNode(context, {gain: this.factor()});
            context.createMediaElementSource(this.audio).connect(this.amplifier).connect(context.destination);
        }
        await this.amplifier.context.resume();
        this.playing = true;
        this.button.textContent = this.clip.dataset.stop;
        this.audio.currentTime = this.start;
        await this.audio.play();
    }

    follow() {
        this.head.style.left = `${100 * this.audio.currentTime / this.seconds}%`;
        if (this.playing && this.audio.currentTime >= this.end) {
            this.audio.pause();
        }
    }

    ended() {
        this.playing = false;
        this.button.textContent = this.clip.dataset.play;
    }

    cover(name) {
        const cover = Object.assign(document.createElement("div"), {className: `clip-${name}`});
        this.waveform.append(cover);
        return cover;
    }

    static fieldsIn(row) {
        const field = name => row?.querySelector(`input[name$="-${name}"]`);
        return {trim_start: field("trim_start"), trim_end: field("trim_end"), gain: field("gain")};
    }

    static button(text, act) {
        const button = Object.assign(document.createElement("button"), {type: "button", className: "button", textContent: text});
        button.addEventListener("click", act);
        return button;
    }
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".inline-related .clip").forEach(clip => {
        const fields = Trim.fieldsIn(clip.closest(".inline-related"));
        if (Object.values(fields).every(Boolean)) {
            new Trim(clip, fields);
        }
    });
});
