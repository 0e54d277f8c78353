// The files of the form's one input: chosen, dropped and recorded ones are collected in it, and listed with a way to take them out.
// Without this script the input still takes several files at once.
"use strict";

class ChosenFiles {
    constructor(root) {
        this.root = root;
        this.input = root.querySelector("input[type=file]");
        this.list = root.querySelector(".chosen-files");
        this.problem = root.querySelector(".chosen-problem");
        this.files = [];
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
        this.list.querySelectorAll("audio").forEach(audio => URL.revokeObjectURL(audio.src));
        this.list.replaceChildren(...this.files.map(file => this.row(file)));
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
        const megabytes = (file.size / 2 ** 20).toLocaleString(document.documentElement.lang || "en", {maximumFractionDigits: 1});
        name.textContent = `${file.name} (${megabytes} MB)`;
        row.append(name);
        if (file.type && document.createElement("audio").canPlayType(file.type)) {
            row.append(ChosenFiles.player(file));
        }
        row.append(ChosenFiles.button(this.root.dataset.remove, `${this.root.dataset.remove}: ${file.name}`, () => this.remove(file)));
        if (file.size > Number(this.root.dataset.mostBytes)) {
            row.append(Object.assign(document.createElement("p"), {className: "problem", textContent: this.root.dataset.tooLarge}));
        }
        return row;
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
