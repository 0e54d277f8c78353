// The page: what happens when.

import { ask } from "./api.js";
import { sentenceOf } from "./call.js";
import { CodePanel } from "./code_panel.js";
import { KeyForm } from "./key_form.js";
import { Playback, Speaking } from "./playback.js";
import { Reading } from "./reading.js";
import { Result } from "./result.js";
import { Settings, randomSeed } from "./settings.js";
import { graphOf, levelOf } from "./sound.js";
import { number, seconds, words } from "./words.js";

const ENGINE_POLL_MS = 1500;
const byId = id => document.getElementById(id);
const text = byId("text");
const [speakButton, stopButton, compare, level] = ["speak", "stop", "compare", "level"].map(byId);
const reading = new Reading(text, byId("reading"));
const sides = { a: new Settings("a", redraw), b: new Settings("b", redraw) };
const doings = { again: playAgain, keep: keepSeed, making, say, complain };
const results = { a: new Result("a", doings), b: new Result("b", doings) };
const keyForm = new KeyForm(async said => (await load()) && say(said));
/** Of what is spoken without a seed of the user's, next or just now: so that a program can make the same sound. */
let seed = randomSeed();
let isSeedUsed = false;
const code = new CodePanel(() => sides.a.order(text.value, arrival(), seed));
/** What is being spoken or played: { result, playback, speaking }. */
let current = null;
/** Ends the making of a file. */
let stopMaking = null;
/** Counts presses of Speak and of Stop: who waited for something sees whether it is still wanted. */
let turn = 0;

function say(sentence) {
  byId("status").textContent = sentence;
}

function complain(sentence) {
  byId("problem").textContent = sentence;
}

function arrival() {
  const isWords = document.querySelector("[name=arrival]:checked").value === "words";
  return { isWords, pace: Number(byId("pace").value) };
}

function redraw() {
  const pace = arrival().pace;
  byId("pace-field").hidden = !arrival().isWords;
  byId("pace-shown").textContent = pace === 1 ? words("perSecondOne") : words("perSecond", { count: number(pace) });
  byId("count").textContent = words("characters", { count: number(Array.from(text.value).length) });
  code.draw();
}

function setState(state) {
  document.body.dataset.state = state;
  const isBusy = state !== "idle";
  speakButton.disabled = isBusy;
  // Who has pressed it with a key keeps a place on the page.
  if (isBusy && document.activeElement === document.body) stopButton.focus();
  stopButton.disabled = !isBusy;
  if (!isBusy && document.activeElement === document.body) speakButton.focus();
  text.readOnly = isBusy;
}

// Speaking

async function speak() {
  if (document.body.dataset.state !== "idle") return;
  const mine = ++turn;
  complain("");
  const chosen = compare.checked ? ["a", "b"] : ["a"];
  try {
    if (isSeedUsed) seed = randomSeed();
    isSeedUsed = true;
    const orders = chosen.map(side => sides[side].order(text.value, arrival(), seed));
    setState("speaking");
    // All at once, while the click still counts.
    const graphs = await Promise.all(orders.map(order => graphOf(order.format.rate)));
    results.b.card.hidden = !compare.checked;
    for (const [i, side] of chosen.entries()) {
      if (mine !== turn) return;
      if (!(await speakOne(results[side], orders[i], graphs[i]))) break;
    }
  } catch (error) {
    complain(error.message);
  }
  if (mine === turn) setState("idle");
}

/** Whether it was spoken to its end. */
async function speakOne(result, order, graph) {
  say(words("connecting"));
  const speaking = new Speaking(order, graph, () => follow(speaking, result));
  result.begin(speaking.take);
  code.draw();
  if (speaking.isDelayed) say(words("wholeFirst", { format: order.format.name }));
  await play(result, speaking.playback, speaking);
  const { take, failure } = speaking;
  if (speaking.playback.isStopped) return false;
  if (!failure) say(take.length ? words("done", { seconds: seconds(take.seconds) }) : words("noSound"));
  return !failure;
}

function follow(speaking, result) {
  if (current?.speaking !== speaking) return;
  if (speaking.failure) return report(speaking.failure, speaking.take);
  if (!speaking.take.length) return;
  const name = words(`side${result.side.toUpperCase()}`);
  if (speaking.take.isComplete) say(words("finishing"));
  else say(compare.checked ? words("speakingSide", { side: name }) : words("speaking"));
}

function report(failure, take) {
  say("");
  if (failure.isAboutTheKey) keyForm.ask(failure.message);
  else complain(sentenceOf(failure, take));
  if (!failure.isAboutTheKey) waitForEngine();
}

/** Until it is over or stopped. */
async function play(result, playback, speaking = null) {
  const mine = (current = { result, playback, speaking });
  drawFrames(mine);
  await playback.over;
  drawCurrent(mine);
  result.allow(true);
  // Something else may have begun since it was stopped.
  if (current !== mine) return;
  current = null;
  level.value = 0;
  reading.clear();
}

function drawFrames(mine) {
  if (current !== mine) return;
  drawCurrent(mine);
  level.value = levelOf(mine.playback.graph);
  requestAnimationFrame(() => drawFrames(mine));
}

function drawCurrent({ result, playback, speaking }) {
  const { take } = playback;
  if (speaking) take.longestGap = playback.player.longestGap;
  result.show(playback.heardMs / 1000);
  if (text.value === take.order.text) {
    const sent = speaking && take.order.isWords ? take.sentChars : text.value.length;
    reading.show(text.value, take.times.placeAt(playback.heardMs), sent);
  }
}

function stop() {
  if (document.body.dataset.state === "idle") return;
  turn++;
  stopMaking?.();
  if (current) {
    const { playback, speaking } = current;
    say(words("stopped", { seconds: seconds(playback.heardMs / 1000) }));
    (speaking ?? playback).stop();
  } else say("");
  setState("idle");
}

async function playAgain(result) {
  if (document.body.dataset.state !== "idle") return;
  const mine = ++turn;
  complain("");
  setState("playing");
  say(words("replaying"));
  try {
    const playback = new Playback(result.take, await graphOf(result.take.rate));
    playback.feed();
    await play(result, playback);
    if (!playback.isStopped) say(words("done", { seconds: seconds(result.take.seconds) }));
  } catch (error) {
    complain(error.message);
  }
  if (mine === turn) setState("idle");
}

function making(stop) {
  stopMaking = stop;
  if (stop) complain("");
  setState(stop ? "making" : "idle");
}

function keepSeed(result) {
  sides[result.side].seed.value = result.take.order.seed;
  redraw();
}

// What there is to choose from

async function load() {
  if (keyForm.isMissing) {
    byId("studio").hidden = true;
    keyForm.ask("");
    return false;
  }
  try {
    const { voices } = await ask("v1/voices");
    byId("studio").hidden = false;
    const wanted = new URLSearchParams(location.search).get("voice");
    sides.a.picker.fill(voices, wanted);
    sides.b.picker.fill(voices, voices.find(({ voice_id }) => voice_id !== sides.a.picker.voice?.voice_id)?.voice_id);
    redraw();
    waitForEngine();
    return true;
  } catch (failure) {
    if (failure.isAboutTheKey) {
      byId("studio").hidden = true;
      keyForm.ask(failure.message);
    } else showEngine(failure.message);
    if (!failure.isAboutTheKey) setTimeout(load, ENGINE_POLL_MS);
    return false;
  }
}

let isWaiting = false;

/** The languages come from the engine: as long as it has none, it is still loading. */
async function waitForEngine() {
  if (isWaiting) return;
  isWaiting = true;
  try {
    const [model] = await ask("v1/models");
    for (const side of Object.values(sides)) side.fillLanguages(model.languages);
    showEngine("");
  } catch (failure) {
    if (!failure.isAboutTheKey) {
      showEngine(failure.status === 503 ? `${words("engineLoading")} (${failure.message})` : failure.message);
      setTimeout(waitForEngine, ENGINE_POLL_MS);
    }
  }
  isWaiting = false;
}

function showEngine(sentence) {
  const notice = byId("engine");
  if (!sentence && !notice.hidden) say(words("engineReady"));
  notice.hidden = !sentence;
  if (notice.textContent !== sentence) notice.textContent = sentence;
}

function showSides() {
  const isCompared = compare.checked;
  sides.b.card.hidden = !isCompared;
  results.b.card.hidden = !isCompared || !results.b.take;
  byId("results").classList.toggle("pair", isCompared);
  for (const part of [...Object.values(sides), ...Object.values(results)]) part.badge.hidden = !isCompared;
  byId("speak-label").textContent = words(isCompared ? "compare" : "speak");
  if (isCompared && sides.b.picker.voices.length < 2) sides.b.values = sides.a.values;
}

speakButton.addEventListener("click", speak);
stopButton.addEventListener("click", stop);
compare.addEventListener("change", showSides);
text.addEventListener("input", redraw);
document.querySelector(".arrival").addEventListener("input", redraw);
document.addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    speak();
  } else if (event.key === "Escape") stop();
});
redraw();
load();
