// A text on a socket of stream-input: what is sent, in which order (docs/protocol.md), and what comes back.

import { Failure, address, key, reasonOfRefusal, speechPath } from "./api.js";
import { seconds, words } from "./words.js";

// Sooner than by default, since the first words of a text that is still being written are waited for.
export const WORD_SCHEDULE = [50, 90, 120, 160, 250];
const LONGEST_MESSAGE = 10_000;

/** The parts in which a text is sent. They add up to it. */
export function partsOf(text, isWords) {
  if (isWords) return text.match(/^\s*\S*\s*|\S+\s*/g).filter(Boolean);
  const chars = Array.from(text);
  const parts = [];
  for (let place = 0; place < chars.length; place += LONGEST_MESSAGE) {
    parts.push(chars.slice(place, place + LONGEST_MESSAGE).join(""));
  }
  return parts;
}

export function queryOf(order) {
  const query = new URLSearchParams({ output_format: order.format.name, seed: order.seed });
  if (order.language) query.set("language_code", order.language);
  return query;
}

/** The first message: settings, without a text. */
export function openingOf(order) {
  const opening = { text: " ", voice_settings: { speed: order.speed } };
  if (order.isWords) opening.generation_config = { chunk_length_schedule: WORD_SCHEDULE };
  return opening;
}

export function socketAddress(order) {
  const url = address(`${speechPath(order.voice)}/stream-input?${queryOf(order)}`);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}

/** Speaks an order. Calls `onSent(chars)` for each part, `onAudio(bytes)`, `onAlignment(alignment)`, and once `onEnd(failure)`,
 * with null if all went well. */
export class Call {
  constructor(order, { onSent, onAudio, onAlignment, onEnd }, isHurried = false) {
    Object.assign(this, { order, onSent, onAudio, onAlignment, onEnd });
    this.pause = order.isWords && !isHurried ? 1000 / order.pace : 0;
    this.hasOpened = this.isFinal = this.isOver = false;
    this.failure = null;
    this.heard = 0;
    this.socket = new WebSocket(socketAddress(order));
    this.socket.onopen = () => this.begin();
    this.socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    this.socket.onclose = () => this.close();
  }

  /** The server then stops to generate as well. */
  stop() {
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket.close();
  }

  begin() {
    this.hasOpened = true;
    const secret = key.get() ? { xi_api_key: key.get() } : {};
    this.send({ ...openingOf(this.order), ...secret });
    this.sendFrom(0, performance.now());
  }

  sendFrom(place, began) {
    const { parts } = this.order;
    if (this.isOver || this.socket.readyState !== WebSocket.OPEN) return;
    for (; place < parts.length; place++) {
      const wait = began + place * this.pause - performance.now();
      if (wait > 0) {
        this.timer = setTimeout(() => this.sendFrom(place, began), wait);
        return;
      }
      this.send({ text: parts[place] });
      this.onSent?.(parts[place].length);
    }
    this.send({ text: "" });
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  hear(message) {
    if (this.isOver) return;
    if (message.error) this.failure = new Failure(message.message, message.code === 1008 && isAboutKeys(message) ? 401 : message.code);
    if (message.audio) this.onAudio(Uint8Array.from(atob(message.audio), char => char.charCodeAt(0)));
    if (message.alignment) this.onAlignment?.(message.alignment);
    this.isFinal ||= message.isFinal === true;
  }

  async close() {
    clearTimeout(this.timer);
    if (this.isOver) return;
    this.isOver = true;
    if (!this.failure && !this.isFinal) this.failure = this.hasOpened ? "broken" : await reasonOfRefusal();
    this.onEnd(this.failure);
  }
}

function isAboutKeys({ error }) {
  return error === "needs_authorization" || error === "invalid_api_key";
}

export function sentenceOf(failure, take) {
  return failure === "broken" ? words("broken", { seconds: seconds(take.seconds) }) : failure.message;
}
