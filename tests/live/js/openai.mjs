// OpenAI's JavaScript SDK, and the AI SDK with its providers for OpenAI and ElevenLabs, against a server: what each call gave,
// as one JSON object on stdout.
// Usage: node openai.mjs BASE_URL
import { createElevenLabs } from "@ai-sdk/elevenlabs";
import { createOpenAI } from "@ai-sdk/openai";
import { generateSpeech } from "ai";
import OpenAI from "openai";

const [baseUrl] = process.argv.slice(2);
const baseURL = `${baseUrl}/v1`;
const text = "Hello there. The weather is fine today, and the birds are singing in the trees.";

async function failure(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, message: error.message };
  }
}

async function spoken(request) {
  const { audio, warnings } = await generateSpeech({ text, maxRetries: 0, ...request });
  return { format: audio.format, mediaType: audio.mediaType, base64: audio.base64, warnings };
}

const client = new OpenAI({ baseURL, apiKey: "not needed here", maxRetries: 0 });
const speech = (options) => client.audio.speech.create({ model: "tts-1", voice: "alloy", input: text, ...options });
const results = {
  models: (await client.models.list()).data,
  model: await client.models.retrieve("tts-1"),
  unknownModel: await failure(() => client.models.retrieve("whisper-1")),
  unknownVoice: await failure(() => speech({ voice: "nobody" })),
  wav: Buffer.from(await (await speech({ response_format: "wav" })).arrayBuffer()).toString("base64"),
  events: await (await speech({ stream_format: "sse", response_format: "pcm" })).text(),
  // A base URL with a slash at its end
  slash: await new OpenAI({ baseURL: `${baseURL}/`, apiKey: "any", maxRetries: 0 }).models.retrieve("tts-1"),
};

const openai = createOpenAI({ baseURL, apiKey: "not needed here" });
results.openai = {};
for (const outputFormat of ["mp3", "opus", "aac", "flac", "wav", "pcm"]) {
  results.openai[outputFormat] = await spoken({ model: openai.speech("tts-1"), voice: "alloy", outputFormat, speed: 1.1 });
}

// The provider knows no other address than ElevenLabs' own.
const here = (url, options) => fetch(String(url).replace("https://api.elevenlabs.io", baseUrl), options);
const elevenlabs = createElevenLabs({ apiKey: "not needed here", fetch: here }).speech("eleven_multilingual_v2");
results.elevenlabs = {};
for (const outputFormat of ["mp3", "pcm_16000", "wav_44100"]) {
  results.elevenlabs[outputFormat] = await spoken({ model: elevenlabs, voice: "demo", outputFormat, language: "en" });
}
console.log(JSON.stringify(results));
