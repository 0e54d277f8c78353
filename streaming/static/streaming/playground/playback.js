// Sound on its way from a take to a player: a new one while it is made, or one that is there already.

import { Call } from "./call.js";
import { decoderFor, toFloats } from "./decoding.js";
import { playerOn } from "./sound.js";
import { Take } from "./take.js";

/** Plays a take, as far as it is there. */
export class Playback {
  constructor(take, graph) {
    this.take = take;
    this.graph = graph;
    this.player = playerOn(graph);
    this.player.onFree = () => this.feed();
    this.fed = 0;
    this.isAllFed = this.isStopped = false;
    this.over = new Promise(resolve => (this.player.onEnd = resolve));
  }

  feed() {
    const count = Math.min(this.player.free, this.take.length - this.fed);
    if (count > 0) {
      const samples = toFloats(this.take.read(this.fed, count));
      // First: a player may ask for more while it is given these.
      this.fed += count;
      this.player.write(samples);
    }
    if (this.take.isComplete && this.fed === this.take.length && !this.isAllFed) {
      this.isAllFed = true;
      this.player.complete();
    }
  }

  stop() {
    this.isStopped = true;
    this.player.stop();
  }

  /** Milliseconds of the take that were heard. */
  get heardMs() {
    return (Math.min(this.player.position, this.take.length) / this.take.rate) * 1000;
  }
}

/** Plays an order while it is made. `failure`: why there is no more of it. */
export class Speaking {
  constructor(order, graph, onNews) {
    this.take = new Take(order);
    this.failure = null;
    this.onNews = onNews;
    this.playback = new Playback(this.take, graph);
    this.decoder = decoderFor(order.format, samples => this.add(samples), failure => this.fail(failure));
    this.isDelayed = Boolean(this.decoder.isWhole);
    this.call = new Call(order, {
      onSent: chars => this.noteSent(chars),
      onAudio: bytes => this.decode(bytes),
      onAlignment: alignment => this.take.times.add(alignment),
      onEnd: failure => this.end(failure),
    });
  }

  noteSent(chars) {
    this.take.sentAt ??= performance.now();
    this.take.sentChars += chars;
    this.onNews();
  }

  decode(bytes) {
    this.take.bytes.push(bytes);
    this.decoder.decode(bytes);
  }

  add(samples) {
    this.take.add(samples, performance.now());
    this.playback.feed();
    this.onNews();
  }

  async end(failure) {
    this.failure ??= failure;
    await this.decoder.finish().catch(() => {});
    this.take.isComplete = true;
    this.take.isWhole = !this.failure;
    this.playback.feed();
    this.onNews();
  }

  fail(failure) {
    this.failure ??= failure;
    this.call.stop();
    this.end(failure);
  }

  stop() {
    this.call.stop();
    this.take.isComplete = true;
    this.playback.stop();
  }
}
