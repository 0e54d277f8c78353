// Takes as files.

import { Call, sentenceOf } from "./call.js";
import { joined } from "./decoding.js";
import { page } from "./words.js";

const MP3 = page.formats.find(({ name }) => name === "mp3_44100_128");

export function save(parts, type, name) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads it after the click is over.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export function fileName(take, ending) {
  return `${take.order.voice}-${take.order.seed}.${ending}`;
}

/** The samples that were heard, behind a header. */
export function wavOf(take) {
  const header = new DataView(new ArrayBuffer(44));
  const bytes = take.length * 2;
  const letters = (place, text) => [...text].forEach((char, i) => header.setUint8(place + i, char.charCodeAt(0)));
  letters(0, "RIFF");
  header.setUint32(4, 36 + bytes, true);
  letters(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, take.rate, true);
  header.setUint32(28, take.rate * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  letters(36, "data");
  header.setUint32(40, bytes, true);
  return [header.buffer, ...take.chunks];
}

/** What arrived if that was MP3; else the same order once more, in that format. Throws an Error. */
export async function mp3Of(take) {
  if (take.order.format.family === "mp3") return [joined(take.bytes)];
  const parts = [];
  const order = { ...take.order, format: MP3 };
  await new Promise((resolve, reject) => {
    const onEnd = failure => (failure ? reject(new Error(sentenceOf(failure, take))) : resolve());
    new Call(order, { onAudio: bytes => parts.push(bytes), onEnd }, true);
  });
  return [joined(parts)];
}
