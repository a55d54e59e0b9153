// A person judges a battle: votes, takes the vote back, passes the battle over, or goes on.
//
// Each returns whether it was the moment for that, so that a key does nothing at another.

import { findOut, look, news, next, reveal, SEEN } from "./course.js";
import { at, by, focus, render } from "./page.js";
import { tell } from "./status.js";
import { write } from "./tab.js";
import { ask, newKey, sentenceOf } from "./talk.js";
import { say } from "./words.js";

let press = { on: "", key: "" };

// Pressed again for the same thing it is the same key: the server takes it once.
function keyFor(...on) {
  if (press.on !== on.join()) press = { on: on.join(), key: newKey() };
  return press.key;
}

export function vote(outcome) {
  if (at.phase !== "ready") return false;
  cast(outcome);
  return true;
}

async function cast(outcome) {
  const { battle_id: id, prompts, token } = at.battle;
  const key = keyFor("vote", id, prompts.length);
  const body = { token, outcome, key, dwell_ms: Math.round(performance.now() - at.readyAt) };
  at.phase = "saving";
  tell(() => say("saving"));
  render();
  try {
    const receipt = await ask("/api/votes", body, { unreachable: "not_saved" });
    if (at.battle.battle_id === id) reveal("voted", receipt);
  } catch (refused) {
    at.phase = "ready";
    render();
    tell(() => sentenceOf(refused), true);
    focus(by("vote").querySelector(`[data-outcome=${outcome}]`));
    if (refused.isOutdated) look(refused);
    else if (refused.isUnanswered) findOut();
  }
}

export function withdraw() {
  if (at.phase !== "voted") return false;
  takeBack();
  return true;
}

async function takeBack() {
  const { battle_id } = at.battle;
  const body = { battle_id, key: keyFor("withdraw", battle_id) };
  at.phase = "saving";
  tell(() => say("saving"));
  render();
  try {
    await ask("/api/withdraw", body, { unreachable: "not_withdrawn" });
    reveal("withdrawn");
  } catch (refused) {
    if (refused.status === 409) return reveal("withdrawn"); // in another tab
    at.phase = "voted";
    render();
    tell(() => sentenceOf(refused), true);
    focus(by("withdraw"));
    if (refused.isUnanswered) findOut();
  }
}

export function skip() {
  if (at.phase !== "ready" && at.phase !== "streaming") return false;
  passOver(at.phase);
  return true;
}

async function passOver(before) {
  const { battle_id } = at.battle;
  at.phase = "skipping";
  write(SEEN, null); // else a reload before the answer would give the prompt back
  render();
  try {
    await ask("/api/skip", { battle_id });
    next("skipped");
  } catch (refused) {
    write(SEEN, battle_id);
    at.phase = before;
    render();
    tell(() => sentenceOf(refused));
    if (refused.isOutdated) look(refused);
    else if (refused.isUnanswered && (await news())?.state === "skipped") next("skipped");
  }
}

export function goOn() {
  if (at.phase !== "voted" && at.phase !== "withdrawn") return false;
  next();
  return true;
}
