// One text spoken once: what was asked for, what arrived, and when.

import { TextTimes } from "./alignment.js";

/** So many bars has a second of sound in the waveform. */
export const BARS_PER_SECOND = 50;

export class Take {
  /** `order`: voice, voiceName, text, pieces, isWords, pace, language, speed, seed, format. */
  constructor(order) {
    this.order = order;
    this.rate = order.format.rate;
    this.chunks = [];
    this.starts = [];
    this.length = 0;
    this.bytes = [];
    this.bars = [];
    this.times = new TextTimes(order.text);
    this.isComplete = false;
    this.isWhole = false;
    this.sentAt = this.firstAt = this.lastAt = null;
    this.sentChars = 0;
    this.longestGap = 0;
  }

  add(samples, now) {
    if (!samples.length) return;
    this.firstAt ??= now;
    this.lastAt = now;
    this.starts.push(this.length);
    this.chunks.push(samples);
    this.addBars(samples);
    this.length += samples.length;
  }

  addBars(samples) {
    const size = this.rate / BARS_PER_SECOND;
    samples.forEach((sample, i) => {
      const bar = Math.floor((this.length + i) / size);
      const level = Math.abs(sample) / 32768;
      this.bars[bar] = Math.max(this.bars[bar] ?? 0, level);
    });
  }

  /** Up to `count` samples from this place on. */
  read(from, count) {
    const found = new Int16Array(Math.min(count, this.length - from));
    let chunk = this.chunkAt(from);
    for (let place = 0; place < found.length; chunk++) {
      const part = this.chunks[chunk].subarray(from + place - this.starts[chunk]).subarray(0, found.length - place);
      found.set(part, place);
      place += part.length;
    }
    return found;
  }

  chunkAt(place) {
    let low = 0;
    let high = this.starts.length;
    while (low < high - 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= place) low = middle;
      else high = middle;
    }
    return low;
  }

  get seconds() {
    return this.length / this.rate;
  }

  /** Milliseconds from the text until the first sound. */
  get ttfa() {
    return this.firstAt === null ? null : this.firstAt - this.sentAt;
  }

  /** Seconds of work for a second of sound. Unknown where the text itself came slowly. */
  get rtf() {
    return this.order.isWords || !this.isWhole || !this.length ? null : (this.lastAt - this.sentAt) / 1000 / this.seconds;
  }
}
