// ElevenLabs' JavaScript SDK against a server: what each call gave, as one JSON object on stdout.
// Usage: node sdk.mjs BASE_URL RECORDING.wav
import { createReadStream } from "node:fs";
import { ElevenLabsClient } from "@elevenlabs/elevenlabs-js";

const [baseUrl, recording] = process.argv.slice(2);
const client = new ElevenLabsClient({ baseUrl, apiKey: "not needed here", maxRetries: 0 });
const text = "Hello there. The weather is fine today, and the birds are singing in the trees.";

async function bytes(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return { parts: parts.length, base64: Buffer.concat(parts).toString("base64") };
}

async function timed(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

async function failure(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.statusCode, body: error.body };
  }
}

const speech = client.textToSpeech;
const pcm = { text, outputFormat: "pcm_16000", seed: 5 };
const results = {
  convert: await bytes(await speech.convert("demo", { text })),
  stream: await bytes(await speech.stream("demo", pcm)),
  withTimestamps: await speech.convertWithTimestamps("demo", pcm),
  streamWithTimestamps: await timed(await speech.streamWithTimestamps("demo", pcm)),
  withSettings: await bytes(
    await speech.convert("demo", { ...pcm, modelId: "eleven_turbo_v2_5", voiceSettings: { speed: 0.7, stability: 0.5 } }),
  ),
  models: await client.models.list(),
  user: await client.user.get(),
  subscription: await client.user.subscription.get(),
  token: await client.tokens.singleUse.create("tts_websocket"),
  defaultSettings: await client.voices.settings.getDefault(),
};

const added = await client.voices.ivc.create({
  name: "Anna",
  files: [createReadStream(recording)],
  labels: { accent: "scottish" },
  description: "Calm",
});
results.added = added;
results.voices = await client.voices.getAll();
results.search = await client.voices.search({ search: "anna", pageSize: 5, includeTotalCount: true });
results.voice = await client.voices.get(added.voiceId);
results.edited = await client.voices.update(added.voiceId, { name: "Anne" });
results.editedSettings = await client.voices.settings.update(added.voiceId, { speed: 1.1 });
results.settings = await client.voices.settings.get(added.voiceId);
results.deleted = await client.voices.delete(added.voiceId);

results.unknownVoice = await failure(async () => bytes(await speech.convert("nobody", { text })));
results.wrongBody = await failure(async () => bytes(await speech.convert("demo", { text, seed: -1 })));
console.log(JSON.stringify(results));
