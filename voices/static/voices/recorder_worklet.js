// Passes on what the microphone hears, in pieces of about 40 ms: a message for each 128 samples would be too many.
"use strict";

class Recorder extends AudioWorkletProcessor {
    constructor() {
        super();
        this.piece = new Float32Array(2048);
        this.length = 0;
    }

    process([channels]) {
        if (channels.length) {
            this.piece.set(channels[0], this.length);
            this.length += channels[0].length;
        }
        if (this.length === this.piece.length) {
            this.port.postMessage(this.piece.slice());
            this.length = 0;
        }
        return true;
    }
}

registerProcessor("recorder", Recorder);
