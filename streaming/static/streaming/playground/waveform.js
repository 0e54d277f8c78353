// The sound as bars, from the left: what has been heard in colour, the rest pale.

import { BARS_PER_SECOND } from "./take.js";
import { seconds, words } from "./words.js";

// So much room there is at the least: a short text does not fill the width at once.
const LEAST_SECONDS = 5;
const BAR_WIDTH = 3;
const BAR_GAP = 2;

export class Waveform {
  constructor(canvas) {
    this.canvas = canvas;
    this.take = null;
    this.heard = 0;
    const redraw = () => this.draw();
    new ResizeObserver(redraw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  show(take, heardSeconds) {
    this.take = take;
    this.heard = heardSeconds;
    this.draw();
  }

  describe() {
    this.canvas.setAttribute("aria-label", words("waveform", { seconds: seconds(this.take.seconds) }));
  }

  draw() {
    const { canvas, take } = this;
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const brush = canvas.getContext("2d");
    brush.setTransform(scale, 0, 0, scale, 0, 0);
    brush.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const count = Math.floor(width / (BAR_WIDTH + BAR_GAP));
    const total = Math.max(take?.seconds ?? 0, LEAST_SECONDS);
    for (let i = 0; i < count; i++) {
      const level = levelBetween(take?.bars ?? [], (i / count) * total, ((i + 1) / count) * total);
      const isThere = take && (i / count) * total < take.seconds;
      const isHeard = (i / count) * total < this.heard;
      brush.fillStyle = style.getPropertyValue(isThere ? (isHeard ? "--wave-heard" : "--wave") : "--wave-empty");
      const size = isThere ? Math.max(3, level ** 0.7 * height) : 3;
      brush.beginPath();
      brush.roundRect?.(i * (BAR_WIDTH + BAR_GAP), (height - size) / 2, BAR_WIDTH, size, BAR_WIDTH / 2);
      brush.fill();
    }
  }
}

function levelBetween(bars, from, to) {
  const first = Math.floor(from * BARS_PER_SECOND);
  const last = Math.max(first + 1, Math.floor(to * BARS_PER_SECOND));
  let most = 0;
  for (let bar = first; bar < last && bar < bars.length; bar++) most = Math.max(most, bars[bar] ?? 0);
  return most;
}
