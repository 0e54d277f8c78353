// From samples to the loudspeaker: an audio graph per sample rate, and two kinds of players for it.

import { words } from "./words.js";

const RING_SECONDS = 20;
const AHEAD_SECONDS = 1.5;
const BUFFER_SECONDS = 0.1;
const WORKLET = document.body.dataset.worklet;

const graphs = new Map();

/** A context of this rate with its level meter: the browser then resamples once, and well. Must first be called while the
 * browser still counts a click or a key: only then may it make sound. */
export async function graphOf(rate) {
  if (!graphs.has(rate)) graphs.set(rate, makeGraph(rate));
  try {
    const graph = await graphs.get(rate);
    await graph.context.resume();
    return graph;
  } catch (error) {
    graphs.delete(rate);
    throw new Error(words("noAudio", { reason: error.message }));
  }
}

async function makeGraph(rate) {
  const context = contextOf(rate);
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  analyser.connect(context.destination);
  // A page that came neither over TLS nor from this machine itself is not given worklets.
  const hasWorklet = context.audioWorklet !== undefined && context.sampleRate === rate;
  if (hasWorklet) await context.audioWorklet.addModule(WORKLET);
  return { context, analyser, rate, hasWorklet, heard: new Float32Array(analyser.fftSize) };
}

function contextOf(rate) {
  try {
    return new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  } catch {
    return new AudioContext({ latencyHint: "interactive" });
  }
}

/** The highest sample that the graph is playing now, 0 to 1. */
export function levelOf(graph) {
  graph.analyser.getFloatTimeDomainData(graph.heard);
  return graph.heard.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function latencyOf(context) {
  return context.outputLatency || context.baseLatency || 0;
}

export function playerOn(graph) {
  document.body.dataset.player = graph.hasWorklet ? "worklet" : "pieces";
  return graph.hasWorklet ? new RingPlayer(graph) : new ScheduledPlayer(graph);
}

/** Plays in a worklet: no other script of the page can delay it. */
class RingPlayer {
  constructor(graph) {
    this.graph = graph;
    this.free = Math.floor(RING_SECONDS * graph.rate);
    this.last = { played: 0, filled: 0, longest: 0, time: 0 };
    this.onFree = this.onEnd = () => {};
    this.node = new AudioWorkletNode(graph.context, "ring-player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => this.hear(data);
    this.node.connect(graph.analyser);
    this.onWay = 0;
  }

  write(samples) {
    this.free -= samples.length;
    this.node.port.postMessage({ samples }, [samples.buffer]);
  }

  complete() {
    this.node.port.postMessage({ isComplete: true });
  }

  stop() {
    this.node.port.postMessage({ stop: true });
  }

  /** How many samples have come out of the loudspeaker. */
  get position() {
    const { played, filled, time } = this.last;
    if (!played) return 0;
    const since = (this.graph.context.currentTime - time) * this.graph.rate;
    return Math.max(0, played + Math.min(since, filled) - latencyOf(this.graph.context) * this.graph.rate);
  }

  get longestGap() {
    return this.last.longest / this.graph.rate;
  }

  hear(report) {
    // What was written since the worklet looked is not in its account.
    this.free += report.played - this.last.played;
    this.last = report;
    if (report.isOver) {
      this.node.disconnect();
      this.onEnd();
    } else this.onFree();
  }
}

/** Plays pieces one behind the other, where there are no worklets. A busy page may interrupt it. */
class ScheduledPlayer {
  constructor(graph) {
    this.graph = graph;
    this.pieces = [];
    this.next = 0;
    this.scheduled = 0;
    this.waiting = 0;
    this.queue = [];
    this.longestGap = 0;
    this.isComplete = false;
    this.onFree = this.onEnd = () => {};
    this.timer = setInterval(() => this.pump(), 40);
  }

  get free() {
    return Math.max(0, Math.floor(RING_SECONDS * this.graph.rate) - this.waiting);
  }

  write(samples) {
    this.queue.push(samples);
    this.waiting += samples.length;
    this.pump();
  }

  complete() {
    this.isComplete = true;
    this.pump();
  }

  stop() {
    this.pieces.forEach(({ source }) => source.stop());
    this.end();
  }

  get position() {
    const now = this.graph.context.currentTime - latencyOf(this.graph.context);
    const heard = this.pieces.findLast(piece => piece.at <= now);
    return heard ? heard.from + Math.min((now - heard.at) * this.graph.rate, heard.length) : 0;
  }

  pump() {
    const now = this.graph.context.currentTime;
    if (!this.scheduled && !this.isComplete && this.waiting < BUFFER_SECONDS * this.graph.rate) return;
    while (this.queue.length && this.next < now + AHEAD_SECONDS) this.schedule(this.queue.shift(), now);
    this.pieces = this.pieces.filter(piece => piece.at + piece.length / this.graph.rate > now - 1);
    if (this.isComplete && !this.queue.length && this.next <= now) this.end();
    else this.onFree();
  }

  schedule(samples, now) {
    const { context, analyser, rate } = this.graph;
    if (this.scheduled && this.next < now) this.longestGap = Math.max(this.longestGap, now - this.next);
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: rate, numberOfChannels: 1 });
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(analyser);
    const at = Math.max(this.next, now + 0.005);
    source.start(at);
    this.pieces.push({ source, at, from: this.scheduled, length: samples.length });
    this.next = at + samples.length / rate;
    this.scheduled += samples.length;
    this.waiting -= samples.length;
  }

  end() {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.onEnd();
  }
}
