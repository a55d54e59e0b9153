// Where the page stands, and all that is seen of it: what is shown and hidden, and where the focus is.
//
// How it comes from one phase to the next is not known here.

import { box } from "./box.js";
import * as over from "./over.js";
import * as panes from "./panes.js";
import { aspect, say } from "./words.js";

export const by = (id) => document.getElementById(id);

// phase: ask, opening, streaming, ready, saving, skipping, voted, withdrawn
// battle: what /api/battles told of it last; none while the page asks
export const at = { phase: "ask", battle: null };

// The panes hold all there is of the battle.
export const isStill = () => ["ready", "voted", "withdrawn"].includes(at.phase);

export const first = box("first");
export const follow = box("follow");

// The second click of a double click is not meant for what has come to lie under it: in the moment
// after the view has changed nothing can be clicked. A key is pressed for what it does.
const MOMENT_MS = 400;
let moment = 0;

export function deafen() {
  clearTimeout(moment);
  document.body.classList.add("deaf");
  moment = setTimeout(() => document.body.classList.remove("deaf"), MOMENT_MS);
}

function turnTo(view) {
  if (document.body.dataset.view === view) return;
  if (document.body.dataset.view) deafen();
  document.body.dataset.view = view;
}

export function render() {
  const { phase, battle } = at;
  const asking = phase === "ask" || (phase === "opening" && !battle);
  const revealed = Boolean(battle?.reveal);
  turnTo(asking ? "ask" : revealed ? "reveal" : "battle");
  document.body.dataset.phase = phase;
  by("ask").hidden = !asking;
  by("battle").hidden = asking;
  by("bar").hidden = asking;
  first.busy = phase === "opening";
  follow.busy = phase !== "ready";
  by("vote").hidden = revealed;
  for (const button of by("vote").children) button.disabled = phase !== "ready";
  by("reveal").hidden = !revealed;
  by("withdraw").hidden = phase === "withdrawn";
  for (const button of [by("next"), by("withdraw")]) button.disabled = phase === "saving";
  by("skip").hidden = !["ready", "streaming", "skipping"].includes(phase);
  nameModels(battle?.reveal ?? null); // none before the vote, not even those of the last battle
  if (battle) renderBattle();
  const notice = over.sentence();
  if (by("notice").textContent !== notice) by("notice").textContent = notice;
}

function renderBattle() {
  const { prompts } = at.battle;
  by("question").textContent = prompts[0];
  by("kind").textContent = at.battle.aspect
    ? `${say("prompt")} · ${aspect(at.battle.aspect)}`
    : say("prompt");
}

function nameModels(reveal) {
  panes.nameSeats(reveal);
  for (const seat of ["a", "b"]) {
    by(`name-${seat}`).textContent = reveal ? reveal[`model_${seat}`] : "";
    by(`note-${seat}`).textContent = reveal ? noteOf(reveal, seat) : "";
  }
}

function noteOf(reveal, seat) {
  const notes = [say(`quantization_${reveal[`quantization_${seat}`]}`)];
  const outcome = at.phase === "withdrawn" ? null : reveal.outcome;
  if (outcome === `model_${seat}`) notes.push(say("you_preferred"));
  else if (outcome === "tie") notes.push(say("you_tied"));
  else if (outcome === "both_bad") notes.push(say("you_both_bad"));
  return notes.filter(Boolean).join(" · ");
}

// What is said of the battle before, where the page asks.
export function tellBefore(key = "") {
  const line = by("ask-status");
  line.dataset.w = key;
  line.textContent = say(key);
}

export function focus(el) {
  el.focus({ preventScroll: true });
}

// On a phone the keyboard would cover the questions.
export function focusPrompt() {
  focus(matchMedia("(pointer: fine)").matches ? first.area : by("main"));
}
