// Requests to this server, each with the key that the tab keeps.

import { page, words } from "./words.js";

const KEY = "speech-api-key";
const base = new URL(page.base, location.href);

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  keep: text => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the server or the browser says of a request that failed. `status` 0: there was no answer. */
export class Failure extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }

  get isAboutTheKey() {
    return this.status === 401;
  }
}

export function address(path) {
  return new URL(path, base);
}

export function speechPath(voice) {
  return `v1/text-to-speech/${encodeURIComponent(voice)}`;
}

/** JSON from the API. Throws Failure with the server's sentence. */
export async function ask(path) {
  let answer;
  try {
    answer = await fetch(address(path), { headers: key.get() ? { "xi-api-key": key.get() } : {}, cache: "no-store" });
  } catch {
    throw new Failure(words("unreachable"));
  }
  if (!answer.ok) throw new Failure(await sentence(answer), answer.status);
  return answer.json();
}

async function sentence(answer) {
  try {
    const body = await answer.json();
    return body.detail.message ?? body.detail[0].msg;
  } catch {
    return words("status", { status: answer.status });
  }
}

/** Why a socket was refused: the browser does not say, but a request of the ordinary kind is refused for the same reason. */
export async function reasonOfRefusal() {
  try {
    await ask("v1/models");
    return new Failure(words("refused"));
  } catch (failure) {
    return failure;
  }
}
