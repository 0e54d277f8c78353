// Plays what is written into its ring of samples, and counts what was heard and for how long there was nothing to play.

const RING_SECONDS = 20;
// What has to be there before it begins, unless that is all.
const BUFFER_SECONDS = 0.1;
const BLOCKS_PER_REPORT = 8;

class RingPlayer extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Float32Array(RING_SECONDS * sampleRate);
    this.place = 0;
    this.filled = 0;
    this.played = 0;
    this.starving = 0;
    this.longest = 0;
    this.blocks = 0;
    this.hasBegun = this.isComplete = this.isStopped = false;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take({ samples, isComplete, stop }) {
    if (samples) this.write(samples);
    this.isComplete ||= Boolean(isComplete);
    this.isStopped ||= Boolean(stop);
  }

  write(samples) {
    const start = (this.place + this.filled) % this.ring.length;
    const first = Math.min(samples.length, this.ring.length - start);
    this.ring.set(samples.subarray(0, first), start);
    this.ring.set(samples.subarray(first), 0);
    this.filled += samples.length;
  }

  process(_inputs, [[out]]) {
    this.hasBegun ||= this.isComplete || this.filled >= BUFFER_SECONDS * sampleRate;
    const count = this.hasBegun ? Math.min(out.length, this.filled) : 0;
    for (let i = 0; i < count; i++) out[i] = this.ring[(this.place + i) % this.ring.length];
    this.place = (this.place + count) % this.ring.length;
    this.filled -= count;
    this.played += count;
    this.count(count, out.length);
    const isOver = this.isStopped || (this.isComplete && this.filled === 0);
    // A cut through a wave is heard as a click.
    if (this.isStopped) out.forEach((value, i) => (out[i] = value * (1 - i / out.length)));
    if (isOver || ++this.blocks % BLOCKS_PER_REPORT === 0) this.report(isOver);
    return !isOver;
  }

  count(count, wanted) {
    if (count > 0) this.starving = 0;
    if (this.played > 0 && !this.isComplete) this.starving += wanted - count;
    this.longest = Math.max(this.longest, this.starving);
  }

  report(isOver) {
    const free = this.ring.length - this.filled;
    this.port.postMessage({ played: this.played, filled: this.filled, free, longest: this.longest, time: currentTime, isOver });
  }
}

registerProcessor("ring-player", RingPlayer);
