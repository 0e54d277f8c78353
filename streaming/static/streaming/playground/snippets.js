// The same call in a program, to be pasted. A key stands in none of them: what is copied is passed on.

import { openingOf, socketAddress } from "./call.js";
import { address, speechPath } from "./api.js";

const ENDINGS = { pcm: "wav", mp3: "mp3", opus: "ogg", ulaw: "ulaw", alaw: "alaw" };

/** The program that makes the order. `hasKey`: it has to bring one. */
export function snippet(kind, order, hasKey) {
  return { curl, python, javascript }[kind](order, hasKey);
}

/** Over HTTP, where PCM can have a header: a file that players open. */
function httpCall(order) {
  const { family, name } = order.format;
  const format = family === "pcm" ? name.replace("pcm", "wav") : name;
  const body = { text: order.text, seed: order.seed, voice_settings: { speed: order.speed } };
  if (order.language) body.language_code = order.language;
  return { url: address(`${speechPath(order.voice)}/stream?output_format=${format}`).href, body, file: fileOf(order) };
}

function fileOf(order) {
  return `speech.${ENDINGS[order.format.family]}`;
}

function curl(order, hasKey) {
  const { url, body, file } = httpCall(order);
  const lines = [`curl --fail-with-body -o ${file} ${quoted(url)}`, `-H 'Content-Type: application/json'`];
  if (hasKey) lines.push(`-H "xi-api-key: $XI_API_KEY"`);
  lines.push(`-d ${quoted(JSON.stringify(body))}`);
  return lines.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function javascript(order, hasKey) {
  const { url, body, file } = httpCall(order);
  const headers = hasKey
    ? `{ "Content-Type": "application/json", "xi-api-key": process.env.XI_API_KEY }`
    : `{ "Content-Type": "application/json" }`;
  return `// Node 18 or later: save as speak.mjs, then node speak.mjs
import { createWriteStream } from "node:fs";

const answer = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: ${headers},
  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),
});
if (!answer.ok) throw new Error(await answer.text());
const file = createWriteStream(${JSON.stringify(file)});
for await (const part of answer.body) file.write(part); // the sound, as it is made
file.end();
`;
}

function python(order, hasKey) {
  const isWave = order.format.family === "pcm";
  const imports = ["base64", "json", ...(hasKey ? ["os"] : []), ...(order.isWords ? ["threading", "time"] : []), ...(isWave ? ["wave"] : [])];
  return `# pip install websockets
${imports.map(name => `import ${name}`).join("\n")}

from websockets.sync.client import connect

URL = ${JSON.stringify(socketAddress(order).href)}
TEXT = ${JSON.stringify(order.text)}
FILE = ${JSON.stringify(fileOf(order))}

${order.isWords ? pythonWords(order) : ""}with connect(URL) as socket, ${isWave ? `wave.open(FILE, "wb")` : `open(FILE, "wb")`} as file:
${isWave ? pythonWave(order.format.rate) : ""}    socket.send(json.dumps(${pythonOpening(order, hasKey)}))
${order.isWords ? pythonSendWords : pythonSendText}    for message in map(json.loads, socket):
        if "error" in message:
            raise SystemExit(message["message"])
        if message["audio"]:
            file.${isWave ? "writeframes" : "write"}(base64.b64decode(message["audio"]))
`;
}

function pythonWords(order) {
  return `
def send_words():
    for word in TEXT.split(" "):
        socket.send(json.dumps({"text": word + " "}))
        time.sleep(1 / ${order.pace})  # as a language model writes
    socket.send(json.dumps({"text": ""}))


`;
}

const pythonSendText = `    socket.send(json.dumps({"text": TEXT}))
    socket.send(json.dumps({"text": ""}))
`;
const pythonSendWords = `    threading.Thread(target=send_words).start()
`;

function pythonWave(rate) {
  return `    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(${rate})
`;
}

function pythonOpening(order, hasKey) {
  const fields = Object.entries(openingOf(order)).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  if (hasKey) fields.push(`"xi_api_key": os.environ["XI_API_KEY"]`);
  return `{${fields.join(", ")}}`;
}
