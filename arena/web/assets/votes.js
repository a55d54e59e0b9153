// A person judges a battle: votes, takes the vote back, passes the battle over, or goes on.
//
// Each returns whether it was the moment for that, so that a key does nothing at another.

import { again, followIt, next, reveal, take } from "./course.js";
import { at, by, render } from "./page.js";
import { tell } from "./status.js";
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
    tell(() => (refused.code === "offline" ? say("not_saved") : sentenceOf(refused)), true);
    by("vote").querySelector(`[data-outcome=${outcome}]`).focus({ preventScroll: true });
    if (refused.status === 409) await look(id, refused);
  }
}

// Another outcome is in force, or the battle is closed: show what the server holds.
async function look(id, refused) {
  const view = await ask(`/api/battles/${id}`).catch(() => null);
  if (!view || view.state === "ready") return; // the sentence of the refusal stands already
  if (view.state === "void") return again(view);
  if (view.state === "streaming") return followIt(view);
  if (!view.reveal) return next(sentenceOf(refused));
  take(view);
  reveal(view.state);
  tell(() => sentenceOf(refused), true);
}

export function withdraw() {
  if (at.phase !== "voted") return false;
  takeBack();
  return true;
}

async function takeBack() {
  const { battle_id } = at.battle;
  by("withdraw").disabled = true;
  try {
    const body = { battle_id, key: keyFor("withdraw", battle_id) };
    await ask("/api/withdraw", body, { unreachable: "not_withdrawn" });
    reveal("withdrawn");
  } catch (refused) {
    tell(() => (refused.code === "offline" ? say("not_withdrawn") : sentenceOf(refused)), true);
  } finally {
    by("withdraw").disabled = false;
  }
}

export function skip() {
  if (at.phase !== "ready" && at.phase !== "streaming") return false;
  passOver();
  return true;
}

async function passOver() {
  try {
    await ask("/api/skip", { battle_id: at.battle.battle_id });
    next(say("skipped"));
  } catch (refused) {
    tell(() => sentenceOf(refused));
  }
}

export function goOn() {
  if (at.phase !== "voted" && at.phase !== "withdrawn") return false;
  next();
  return true;
}
