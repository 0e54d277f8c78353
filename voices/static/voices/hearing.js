// The buttons of the admin that speak a sentence while it is made, and the states of voices, which change by themselves.
"use strict";
{
    const RATE = 24000; // of the samples that the server sends, 16 bits each
    const LEAD_SECONDS = 0.15; // so much is there before the first of it is played
    const SOON_MS = 1000;
    const LATER_MS = 5000;
    const UNSETTLED = ["waiting", "computing"];
    let playing = null;

    class Trouble extends Error {}

    class Speech {
        constructor(button) {
            this.button = button;
            this.label = button.querySelector(".voice-hear-label");
            this.meter = button.parentElement.querySelector("meter");
            this.told = button.parentElement.querySelector("[role=status]");
            this.abort = new AbortController();
            // In the handler of the click, or the browser lets nothing be heard.
            this.context = new AudioContext({ sampleRate: RATE });
            this.analyser = this.context.createAnalyser();
            this.analyser.connect(this.context.destination);
            this.end = 0;
            this.rest = new Uint8Array();
        }

        async run() {
            this.button.parentElement.classList.add("is-speaking");
            this.label.textContent = this.button.dataset.stop;
            this.told.textContent = "";
            try {
                await this.play(await this.ask());
                await this.heard();
            } catch (error) {
                if (error.name !== "AbortError") {
                    this.told.textContent = error instanceof Trouble ? error.message : this.button.dataset.lost;
                }
            } finally {
                this.close();
            }
        }

        // The response with the samples.
        async ask() {
            const token = document.querySelector("[name=csrfmiddlewaretoken]");
            const allowed = await this.post(this.button.dataset.hear, {}, { "X-CSRFToken": token ? token.value : "" });
            const { address, ticket, troubles, message } = await this.json(allowed);
            if (!allowed.ok) {
                throw new Trouble(message || this.button.dataset.signedOut);
            }
            const speech = await this.post(address, { ticket }, {});
            if (!speech.ok) {
                const { detail = {} } = await this.json(speech);
                throw new Trouble(troubles[detail.code] || detail.message || this.button.dataset.lost);
            }
            return speech;
        }

        post(address, fields, headers) {
            const body = new URLSearchParams(fields);
            return fetch(address, { method: "POST", body, headers, signal: this.abort.signal });
        }

        async json(response) {
            if (!(response.headers.get("Content-Type") || "").startsWith("application/json")) {
                throw new Trouble(this.button.dataset.signedOut);
            }
            return response.json();
        }

        async play(response) {
            this.measure();
            const reader = response.body.getReader();
            for (let part = await reader.read(); !part.done; part = await reader.read()) {
                this.add(part.value);
            }
        }

        add(bytes) {
            const all = new Uint8Array(this.rest.length + bytes.length);
            all.set(this.rest);
            all.set(bytes, this.rest.length);
            const whole = all.length - (all.length % 2);
            this.rest = all.slice(whole);
            if (!whole) {
                return;
            }
            const view = new DataView(all.buffer, 0, whole);
            const buffer = this.context.createBuffer(1, whole / 2, RATE);
            const samples = buffer.getChannelData(0);
            for (let i = 0; i < samples.length; i += 1) {
                samples[i] = view.getInt16(2 * i, true) / 32768;
            }
            const source = this.context.createBufferSource();
            source.buffer = buffer;
            source.connect(this.analyser);
            this.end = Math.max(this.end, this.context.currentTime + LEAD_SECONDS);
            source.start(this.end);
            this.end += buffer.duration;
        }

        async heard() {
            while (this.context.state !== "closed" && this.context.currentTime < this.end) {
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
        }

        measure() {
            if (this.context.state === "closed") {
                return;
            }
            const samples = new Float32Array(this.analyser.fftSize);
            this.analyser.getFloatTimeDomainData(samples);
            this.meter.value = Math.max(...samples.map(Math.abs));
            requestAnimationFrame(() => this.measure());
        }

        close() {
            if (this.context.state === "closed") {
                return;
            }
            this.abort.abort();
            this.context.close();
            this.button.parentElement.classList.remove("is-speaking");
            this.meter.value = 0;
            this.label.textContent = this.button.dataset.start;
            if (playing === this) {
                playing = null;
            }
        }
    }

    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-hear]");
        if (!button) {
            return;
        }
        const before = playing;
        if (before) {
            before.close();
        }
        if (!before || before.button !== button) {
            playing = new Speech(button);
            playing.run();
        }
    });

    async function look(shown) {
        const address = new URL(shown[0].dataset.address, document.baseURI);
        shown.forEach((element) => address.searchParams.append("pk", element.dataset.voice));
        const response = await fetch(address);
        if (!response.ok || response.redirected) {
            return;
        }
        const states = await response.json();
        shown.forEach((element) => show(element, states[element.dataset.voice]));
    }

    function show(element, { state, name, meaning, reason }) {
        if (element.dataset.state === state && element.querySelector(".voice-state-reason").textContent === reason) {
            return; // a screen reader would read it again
        }
        element.dataset.state = state;
        element.title = meaning;
        element.querySelector(".voice-state-name").textContent = name;
        element.querySelector(".voice-state-reason").textContent = reason;
        element.querySelector(".voice-state-meaning").textContent = meaning;
    }

    async function keepLooking() {
        const shown = [...document.querySelectorAll("[data-voice]")];
        if (!shown.length) {
            return;
        }
        if (document.visibilityState === "visible") {
            await look(shown).catch(() => {}); // the server may be restarting
        }
        const isSoon = shown.some((element) => UNSETTLED.includes(element.dataset.state));
        setTimeout(keepLooking, isSoon ? SOON_MS : LATER_MS);
    }

    document.addEventListener("DOMContentLoaded", () => setTimeout(keepLooking, SOON_MS));
}
