// From the bytes of a format to samples, as they arrive: Int16Array, 16 bits.

import { words } from "./words.js";

/** A decoder: `decode(bytes)` for what arrived, `finish()` at the end, each calls `onSamples`. `whole`: it cannot begin before
 * the end. */
export function decoderFor(format, onSamples, onFailure) {
  if (format.family === "pcm") return new PcmDecoder(onSamples);
  if (format.family === "ulaw" || format.family === "alaw") return new TableDecoder(format.family, onSamples);
  if (typeof AudioDecoder === "undefined") return new WholeDecoder(format, onSamples, onFailure);
  return new FrameDecoder(format, onSamples, onFailure);
}

class PcmDecoder {
  constructor(onSamples) {
    this.onSamples = onSamples;
    this.odd = new Uint8Array();
  }

  decode(bytes) {
    const all = joined([this.odd, bytes]);
    const even = all.length & ~1;
    this.odd = all.slice(even);
    const view = new DataView(all.buffer, 0, even);
    this.onSamples(Int16Array.from({ length: even / 2 }, (_, i) => view.getInt16(2 * i, true)));
  }

  async finish() {}
}

/** G.711, after ITU-T's recommendation: a byte is a sample. */
class TableDecoder {
  constructor(law, onSamples) {
    this.table = Int16Array.from({ length: 256 }, (_, code) => (law === "ulaw" ? ofUlaw(code) : ofAlaw(code)));
    this.onSamples = onSamples;
  }

  decode(bytes) {
    this.onSamples(Int16Array.from(bytes, code => this.table[code]));
  }

  async finish() {}
}

function ofUlaw(code) {
  const bits = ~code & 0xff;
  const size = ((((bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
  return bits & 0x80 ? -size : size;
}

function ofAlaw(code) {
  const bits = code ^ 0x55;
  const exponent = (bits >> 4) & 7;
  const mantissa = ((bits & 0x0f) << 4) + 8;
  const size = exponent ? (mantissa + 0x100) << (exponent - 1) : mantissa;
  return bits & 0x80 ? size : -size;
}

/** The browser's own decoder, frame by frame. */
class FrameDecoder {
  constructor(format, onSamples, onFailure) {
    this.split = format.family === "mp3" ? new Mp3Frames() : new OggPackets();
    this.skip = 0;
    this.onSamples = onSamples;
    this.number = 0;
    this.decoder = new AudioDecoder({
      output: data => this.hear(data),
      error: error => onFailure(new Error(words("cannotDecode", { format: format.name, reason: error.message }))),
    });
    this.decoder.configure({ codec: format.family, sampleRate: format.rate, numberOfChannels: 1 });
  }

  decode(bytes) {
    for (const data of this.split.push(bytes)) {
      if (this.decoder.state !== "configured") return;
      this.decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: this.number++, data }));
    }
  }

  async finish() {
    if (this.decoder.state !== "configured") return;
    await this.decoder.flush();
    this.decoder.close();
  }

  hear(data) {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    data.close();
    this.onSamples(toInt16(samples));
  }
}

const MP3_BIT_RATES = {
  3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const MP3_RATES = { 3: [44100, 48000, 32000], 2: [22050, 24000, 16000] };

/** Cuts a stream of MPEG layer III into its frames (ISO/IEC 11172-3, 13818-3). */
class Mp3Frames {
  rest = new Uint8Array();

  push(bytes) {
    this.rest = joined([this.rest, bytes]);
    const frames = [];
    let length;
    while (this.rest.length >= 4 && this.rest.length >= (length = this.frameLength())) {
      frames.push(this.rest.slice(0, length));
      this.rest = this.rest.slice(length);
    }
    return frames;
  }

  frameLength() {
    const [, second, third] = this.rest;
    const version = (second >> 3) & 3; // 3: MPEG 1, 2: MPEG 2
    const kbps = MP3_BIT_RATES[version][third >> 4];
    const rate = MP3_RATES[version][(third >> 2) & 3];
    return Math.floor(((version === 3 ? 144 : 72) * kbps * 1000) / rate) + ((third >> 1) & 1);
  }
}

/** Cuts an Ogg stream (RFC 3533) into Opus packets, without the two that describe it. */
class OggPackets {
  rest = new Uint8Array();
  headers = 2;

  push(bytes) {
    this.rest = joined([this.rest, bytes]);
    const packets = [];
    for (let page = this.page(); page; page = this.page()) packets.push(...page);
    const skipped = Math.min(this.headers, packets.length);
    this.headers -= skipped;
    return packets.slice(skipped);
  }

  page() {
    const count = this.rest[26];
    if (count === undefined || this.rest.length < 27 + count) return null;
    const sizes = [...this.rest.subarray(27, 27 + count)];
    const start = 27 + count;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (this.rest.length < start + total) return null;
    const packets = [];
    let from = start;
    let length = 0;
    for (const size of sizes) {
      length += size;
      if (size === 255) continue;
      packets.push(this.rest.slice(from, from + length));
      from += length;
      length = 0;
    }
    this.rest = this.rest.slice(start + total);
    return packets;
  }
}

/** For browsers without a decoder of frames: nothing is heard before all is there. */
class WholeDecoder {
  isWhole = true;

  constructor(format, onSamples, onFailure) {
    this.parts = [];
    Object.assign(this, { format, onSamples, onFailure });
  }

  decode(bytes) {
    this.parts.push(bytes);
  }

  async finish() {
    if (!this.parts.length) return;
    const context = new OfflineAudioContext(1, 1, this.format.rate);
    try {
      const buffer = await context.decodeAudioData(joined(this.parts).buffer);
      this.onSamples(toInt16(buffer.getChannelData(0)));
    } catch (error) {
      this.onFailure(new Error(words("cannotDecode", { format: this.format.name, reason: error.message })));
    }
  }
}

export function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

function toInt16(samples) {
  return Int16Array.from(samples, value => Math.round(Math.max(-1, Math.min(1, value)) * 32767));
}

export function toFloats(samples) {
  return Float32Array.from(samples, value => value / 32768);
}
