// The files of the form's one input: chosen, dropped and recorded ones are collected in it, and listed with a way to take them out.
// What of each is used can be chosen before it is sent. The numbers are fields with equal names, in the order of the files.
// Without this script the input still takes several files at once.
"use strict";

// The waveform: enough for the eye, and little memory for a long recording.
const PEAKS_RATE = 8000;
const PEAKS = 200;

class ChosenFiles {
    constructor(root) {
        this.root = root;
        this.input = root.querySelector("input[type=file]");
        this.list = root.querySelector(".chosen-files");
        this.problem = root.querySelector(".chosen-problem");
        this.template = root.querySelector("template");
        this.files = [];
        this.rows = new Map();
        this.input.addEventListener("change", () => this.add([...this.input.files]));
        this.receiveDrops(root.querySelector(".drop-area"));
        this.input.form.addEventListener("submit", event => this.show() || event.preventDefault());
        root.querySelector(".drop-hint").hidden = false;
        // What a browser has kept of the form when it goes back to it.
        this.add([...this.input.files]);
    }

    add(files) {
        const known = new Set(this.files.map(ChosenFiles.nameOf));
        this.files.push(...files.filter(file => !known.has(ChosenFiles.nameOf(file))));
        this.store();
    }

    remove(file) {
        this.files = this.files.filter(other => other !== file);
        this.rows.get(file).querySelectorAll("audio").forEach(audio => URL.revokeObjectURL(audio.src));
        this.rows.delete(file);
        this.store();
        this.input.focus();
    }

    // Only a script can put several choices into one input.
    store() {
        const transfer = new DataTransfer();
        this.files.forEach(file => transfer.items.add(file));
        this.input.files = transfer.files;
        this.show();
    }

    // Whether the server would take them.
    show() {
        const rows = this.files.map(file => this.rows.get(file) || this.row(file));
        this.list.append(...rows.filter(row => !row.isConnected));
        [...this.list.children].filter(row => !rows.includes(row)).forEach(row => row.remove());
        this.problem.textContent = this.problemOfAll();
        return !this.list.querySelector(".problem") && !this.problem.textContent;
    }

    problemOfAll() {
        const {mostFiles, mostUploadBytes, tooMany, tooMuch} = this.root.dataset;
        const bytes = this.files.reduce((sum, file) => sum + file.size, 0);
        if (this.files.length > Number(mostFiles)) {
            return tooMany;
        }
        return Number(mostUploadBytes) && bytes > Number(mostUploadBytes) ? tooMuch : "";
    }

    row(file) {
        const row = document.createElement("li"), name = document.createElement("span");
        const size = new Intl.NumberFormat(document.documentElement.lang || "en", {style: "unit", unit: "megabyte", maximumFractionDigits: 1});
        name.textContent = `${file.name} (${size.format(file.size / 2 ** 20)})`;
        this.rows.set(file, row);
        row.append(name);
        row.append(ChosenFiles.button(this.root.dataset.remove, `${this.root.dataset.remove}: ${file.name}`, () => this.remove(file)));
        row.append(this.template.content.cloneNode(true));
        this.showSound(file, row);
        if (file.size > Number(this.root.dataset.mostBytes)) {
            row.append(Object.assign(document.createElement("p"), {className: "problem", textContent: this.root.dataset.tooLarge}));
        }
        return row;
    }

    // All of it at once, so that nothing moves when the waveform is there. What this browser cannot decode is shown once the
    // server has stored it.
    async showSound(file, row) {
        const parts = row.querySelectorAll(".clip, .chosen-edit"), clip = parts[0];
        const hide = isHidden => parts.forEach(part => { part.hidden = isHidden; });
        if (file.size > Number(this.root.dataset.mostBytes) || !document.createElement("audio").canPlayType(file.type)) {
            return;
        }
        hide(false);
        clip.querySelector("audio").src = URL.createObjectURL(file);
        const trim = new Trim(clip, Trim.fieldsIn(row));
        try {
            const sound = await new OfflineAudioContext(1, 1, PEAKS_RATE).decodeAudioData(await file.arrayBuffer());
            clip.dataset.seconds = sound.duration.toFixed(3);
            clip.querySelector("path").setAttribute("d", ChosenFiles.bars(sound));
            trim.show();
        } catch {
            hide(true);
        }
    }

    static bars(sound) {
        const channels = [...Array(sound.numberOfChannels).keys()].map(index => sound.getChannelData(index));
        const peak = column => {
            let most = 0;
            for (const samples of channels) {
                const end = Math.floor((column + 1) * sound.length / PEAKS);
                for (let at = Math.floor(column * sound.length / PEAKS); at < end; at++) {
                    most = Math.max(most, Math.abs(samples[at]));
                }
            }
            return 19 * Math.min(1, most);
        };
        return [...Array(PEAKS).keys()].map(peak).map((half, x) => `M${x} ${(20 - half).toFixed(1)}V${(20 + half).toFixed(1)}`).join(" ");
    }

    receiveDrops(area) {
        const mark = isOver => event => {
            event.preventDefault();
            area.classList.toggle("is-over", isOver);
        };
        area.addEventListener("dragover", mark(true));
        area.addEventListener("dragleave", mark(false));
        area.addEventListener("drop", event => {
            mark(false)(event);
            this.add([...event.dataTransfer.files]);
        });
    }

    static nameOf(file) {
        return `${file.name} ${file.size} ${file.lastModified}`;
    }

    static player(file) {
        return Object.assign(document.createElement("audio"), {controls: true, preload: "metadata", src: URL.createObjectURL(file)});
    }

    static button(text, label, act) {
        const button = Object.assign(document.createElement("button"), {type: "button", className: "button", textContent: text});
        button.setAttribute("aria-label", label);
        button.addEventListener("click", act);
        return button;
    }
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".recordings").forEach(root => {
        root.chosenFiles = new ChosenFiles(root);
    });
    document.querySelector(".listed-errors")?.focus();
});
