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

/** `parts`: what arrived if that was MP3; else the same order once more, in that format, or null if it was stopped. */
export function mp3Of(take) {
  if (take.order.format.family === "mp3") return { parts: Promise.resolve([joined(take.bytes)]), stop() {} };
  const found = [];
  let stop;
  const parts = new Promise((resolve, reject) => {
    const onEnd = failure => (failure ? reject(new Error(sentenceOf(failure, take))) : resolve([joined(found)]));
    const call = new Call({ ...take.order, format: MP3 }, { onAudio: bytes => found.push(bytes), onEnd }, true);
    stop = () => {
      call.stop();
      resolve(null);
    };
  });
  return { parts, stop };
}
