// Takes from the microphone, as WAV files: each can be heard before it is kept, and what is kept is a file of the form like any
// other. Nothing is sent before the form is.
"use strict";

// Without the processing that is meant for telephone calls: a model would learn its artefacts, and speak with them.
const MICROPHONE = {audio: {channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false}};
// The words beside the meter are those of the loudest moment of the last pieces: about a second.
const PIECES_OF_WORDS = 24;

class Take {
    constructor(rate) {
        this.rate = rate;
        this.pieces = [];
    }

    get seconds() {
        return this.pieces.reduce((sum, piece) => sum + piece.length, 0) / this.rate;
    }

    // 16 bits, one channel.
    wav() {
        const samples = Math.round(this.seconds * this.rate), view = new DataView(new ArrayBuffer(44 + 2 * samples));
        const text = (at, letters) => [...letters].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
        const number = (at, value) => view.setUint32(at, value, true);
        text(0, "RIFF");
        number(4, 36 + 2 * samples);
        text(8, "WAVEfmt ");
        number(16, 16);
        view.setUint16(20, 1, true);
        view.setUint16(22, 1, true);
        number(24, this.rate);
        number(28, 2 * this.rate);
        view.setUint16(32, 2, true);
        view.setUint16(34, 16, true);
        text(36, "data");
        number(40, 2 * samples);
        let at = 44;
        for (const piece of this.pieces) {
            for (const sample of piece) {
                view.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(32768 * sample))), true);
                at += 2;
            }
        }
        return new Blob([view], {type: "audio/wav"});
    }
}

class Microphone {
    // `hear` is called with each piece of samples.
    async open(worklet, hear) {
        this.stream = await navigator.mediaDevices.getUserMedia(MICROPHONE);
        try {
            this.context = new AudioContext();
            await this.context.audioWorklet.addModule(worklet);
            const recorder = new AudioWorkletNode(this.context, "recorder");
            recorder.port.onmessage = ({data}) => hear(data);
            this.context.createMediaStreamSource(this.stream).connect(recorder);
            await this.context.resume();
        } catch (error) {
            this.close();
            throw error;
        }
    }

    close() {
        this.stream.getTracks().forEach(track => track.stop());
        this.context?.close();
    }
}

class RecorderPanel {
    constructor(root) {
        this.root = root;
        this.panel = root.querySelector(".recorder");
        this.button = this.panel.querySelector(".record");
        this.time = this.panel.querySelector(".recorded-time");
        this.meter = this.panel.querySelector(".level");
        this.words = this.panel.querySelector(".level-words");
        this.problem = this.panel.querySelector(".recorder-problem");
        this.takes = this.panel.querySelector(".takes");
        this.count = 0;
        this.panel.hidden = false;
        this.button.addEventListener("click", () => this.microphone ? this.stop() : this.start());
        root.querySelector("input[type=file]").form.addEventListener("submit", event => this.holdUndecided(event));
        this.chooseText();
    }

    async start() {
        this.problem.textContent = "";
        this.button.disabled = true;
        const microphone = new Microphone();
        try {
            this.recent = [];
            await microphone.open(this.root.dataset.worklet, piece => this.hear(piece));
            this.take = new Take(microphone.context.sampleRate);
            this.microphone = microphone;
            this.button.textContent = this.root.dataset.stop;
            this.button.classList.add("is-recording");
        } catch (error) {
            const reasons = {NotAllowedError: "notAllowed", NotFoundError: "noMicrophone"};
            this.problem.textContent = this.root.dataset[reasons[error.name] || "failed"];
        }
        this.button.disabled = false;
    }

    stop() {
        this.microphone.close();
        this.microphone = null;
        this.button.textContent = this.root.dataset.record;
        this.button.classList.remove("is-recording");
        this.meter.value = this.meter.min;
        this.words.textContent = "";
        if (this.take.seconds) {
            this.show(this.take);
        }
    }

    hear(piece) {
        if (!this.microphone) {
            return;
        }
        this.take.pieces.push(piece);
        const peak = piece.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
        this.meter.value = 20 * Math.log10(Math.max(peak, 0.001));
        this.recent = [...this.recent.slice(1 - PIECES_OF_WORDS), this.meter.value];
        const loudest = Math.max(...this.recent);
        const word = loudest > -1 ? "loud" : loudest > -30 ? "good" : loudest > -50 ? "quiet" : "silent";
        if (this.words.textContent !== this.root.dataset[word]) {
            this.words.textContent = this.root.dataset[word];
        }
        this.time.textContent = RecorderPanel.clock(this.take.seconds);
        if (this.take.seconds >= Number(this.root.dataset.mostSeconds) - 1) {
            this.stop();
        }
    }

    show(take) {
        const name = `${this.root.dataset.take} ${++this.count}`;
        const file = new File([take.wav()], `${name}.wav`, {type: "audio/wav"});
        const row = document.createElement("li"), title = document.createElement("span"), {keep, discard} = this.root.dataset;
        title.textContent = `${name} (${RecorderPanel.clock(take.seconds)})`;
        const player = ChosenFiles.player(file);
        const leave = () => {
            URL.revokeObjectURL(player.src);
            row.remove();
            this.problem.textContent = "";
            this.button.focus();
        };
        const kept = () => {
            this.root.chosenFiles.add([file]);
            leave();
        };
        row.append(
            title, player, ChosenFiles.button(keep, `${keep}: ${name}`, kept), ChosenFiles.button(discard, `${discard}: ${name}`, leave)
        );
        row.querySelector("button").classList.add("default");
        this.takes.append(row);
        row.querySelector("button").focus();
    }

    holdUndecided(event) {
        if (this.microphone) {
            this.stop();
        }
        const undecided = this.takes.querySelector("button");
        if (undecided) {
            event.preventDefault();
            this.problem.textContent = this.root.dataset.undecided;
            undecided.focus();
        }
    }

    // That of the voice's language, or else of the page's; any other can be chosen.
    chooseText() {
        const choice = this.panel.querySelector("#reading-language"), ofVoice = document.querySelector("#id_language");
        const codes = [...choice.options].map(option => option.value);
        const names = new Intl.DisplayNames([document.documentElement.lang || "en"], {type: "language"});
        [...choice.options].forEach(option => { option.textContent = names.of(option.value); });
        const best = wanted => codes.find(code => code === wanted) || codes.find(code => code.split("-")[0] === wanted.split("-")[0]);
        const show = () => this.panel.querySelectorAll("blockquote").forEach(text => { text.hidden = text.dataset.language !== choice.value; });
        const follow = () => {
            choice.value = best((ofVoice?.value || document.documentElement.lang || "en").toLowerCase()) || "en";
            show();
        };
        choice.addEventListener("change", show);
        ofVoice?.addEventListener("input", follow);
        follow();
    }

    static clock(seconds) {
        return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    }
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".recordings").forEach(root => {
        if (navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode) {
            new RecorderPanel(root);
        } else {
            root.querySelector(".no-microphone").hidden = false;
        }
    });
});
