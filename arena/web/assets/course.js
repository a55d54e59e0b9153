// The course of a battle: opened, followed while it is written, ready, revealed, and the next one.
//
// The server decides; what it says of the battle moves the page on. What a person does about it is
// for prompts.js and votes.js.

import * as draft from "./draft.js";
import * as offer from "./offer.js";
import * as over from "./over.js";
import { at, by, first, focus, focusPrompt, follow, isStill, render, tellBefore } from "./page.js";
import * as panes from "./panes.js";
import { tell, tellLost, tellWaiting, tellWriting } from "./status.js";
import { write } from "./tab.js";
import { ask, pause, sentenceOf } from "./talk.js";
import { nth, say } from "./words.js";

const VOIDS_IN_A_ROW = 3;
export const SEEN = "battle"; // what the tab keeps: the battle it showed last

let voids = 0;
let search = 0; // the newest one for what became of a press

// A new battle; throws what the server refused with.
export async function open(prompt) {
  const body = { prompt, ...offer.questionOf(prompt) };
  over.opens(prompt);
  const view = await ask("/api/battles", body).catch((refused) => {
    if (!refused.isUnanswered) over.refused();
    throw refused;
  });
  first.text = "";
  draft.forget();
  window.scrollTo(0, 0);
  followIt(view);
}

// From now on the page shows this battle.
export function take(view) {
  if (follow.text && at.battle?.battle_id !== view.battle_id)
    draft.keep(follow.text, view.battle_id);
  if (draft.isSame(follow.text, view.prompts.at(-1))) {
    follow.text = ""; // the server has it, even if the answer that said so was lost
    follow.say();
  }
  at.battle = view;
  draft.sent(view.prompts.at(-1), view.battle_id);
  write(SEEN, view.battle_id);
  over.bind(view.battle_id);
}

// `refused` is what was refused because the page lagged behind the server.
export function followIt(view, refused) {
  take(view);
  at.phase = "streaming";
  tellWaiting();
  render();
  followOn(refused);
}

export function followOn(refused) {
  const begun = () => at.phase === "streaming" && tellWriting();
  panes.show(at.battle.battle_id, () => settle(refused), begun);
}

// What the server says of the battle that is shown; null where it says nothing, or says it late.
export async function news() {
  const { phase, battle: asked } = at;
  let view = null;
  let refused = null;
  try {
    view = await ask(`/api/battles/${asked.battle_id}`);
  } catch (refusal) {
    refused = refusal;
  }
  if (at.phase !== phase || at.battle !== asked) return null; // that was about an earlier turn
  if (refused?.status === 403) intoTheBox(asked, () => sentenceOf(refused));
  else if (refused && phase === "streaming") tellLost(refused);
  return view;
}

// The panes show all there is: what does the server say?
export async function settle(refused) {
  const view = at.phase === "streaming" && (await news());
  if (!view) return;
  arrive(view);
  if (refused) tell(() => sentenceOf(refused), true);
}

// The page follows what the server holds, whoever brought it about.
function arrive(view) {
  if (view.state === "streaming") return;
  if (view.state === "void") return again(view);
  if (view.state === "skipped") return intoTheBox(view, () => say("closed"));
  take(view);
  if (view.state === "ready") return beReady();
  draft.setAside(follow.text || draft.kept(view.battle_id)); // another tab voted
  return view.reveal ? reveal(view.state) : next();
}

// The page shows less of a battle than the server holds.
export function catchUp(view, refused) {
  if (isOpen(view)) return followIt(view, refused); // nobody votes on what is not shown
  arrive(view);
  if (isStill()) panes.show(view.battle_id, () => {});
  if (refused) tell(() => sentenceOf(refused), true);
}

export const isOpen = (view) => ["streaming", "ready"].includes(view?.state);

// Another tab may have been quicker, or an answer was lost: does the server hold what this page shows?
// Where `asked` is the newest it holds, nothing was refused: it was taken before.
// Returns whether the server said so.
export async function look(refused, asked) {
  const view = ["ready", "voted"].includes(at.phase) && (await news());
  if (!view) return false;
  const isLonger = view.prompts.length > at.battle.prompts.length;
  if (view.state === at.phase && !isLonger) return true;
  const isTaken = isLonger && asked && draft.isSame(asked, view.prompts.at(-1));
  catchUp(view, isTaken ? undefined : refused);
  return true;
}

// No answer came, and what was pressed may have been done: the server is asked until it says so, or
// someone was quicker.
export async function findOut() {
  const { phase, battle } = at;
  const mine = (search += 1);
  const isUnknown = () => mine === search && at.phase === phase && at.battle === battle;
  while (isUnknown() && !(await look())) await pause();
}

export function beReady() {
  at.phase = "ready";
  at.readyAt = performance.now();
  voids = 0;
  follow.text ||= draft.kept(at.battle.battle_id) || over.next();
  if (over.isTooLong(follow.text)) follow.say(() => say("prompt_long"));
  tell(() => say("ready"));
  render();
  if (!/^(TEXTAREA|INPUT)$/.test(document.activeElement?.tagName)) focus(by("bar"));
}

export function reveal(state, receipt) {
  at.phase = state;
  draft.forget();
  if (receipt) Object.assign(at.battle, { reveal: receipt.reveal, state: "voted" });
  const votes = receipt?.votes_by_rater ?? at.battle.votes_by_rater;
  if (state === "withdrawn") tell(() => say("withdrawn"));
  else tell(() => (votes ? say("saved_nth", { nth: nth(votes) }) : say("saved")));
  render();
  focus(by("next"));
}

// We failed, or a follow-up is too long for the models: a sentence that says so, and the first prompt
// in a new battle.
export async function again(view) {
  at.battle = view;
  voids += 1;
  const isHopeless = view.too_long && view.prompts.length === 1;
  if (isHopeless) return intoTheBox(view, () => say("prompt_long"));
  if (voids >= VOIDS_IN_A_ROW) return intoTheBox(view, () => say("void_again"));
  over.begin(view);
  at.phase = "opening";
  panes.hide();
  follow.text ||= draft.kept(view.battle_id) || over.next();
  tellWaiting();
  render();
  try {
    await open(view.prompts[0]);
  } catch (refused) {
    intoTheBox(view, () => `${say("void_ended")} ${sentenceOf(refused)}`);
  }
}

// The first prompt goes back into its box; those after it follow when it is answered.
function intoTheBox(lost, sentence) {
  voids = 0;
  over.typed(follow.text || draft.kept(lost.battle_id));
  over.begin(lost);
  over.hush();
  toAsking();
  first.text = lost.prompts[0];
  draft.keep(first.text);
  first.say(() => (over.isWaiting() ? `${sentence()} ${say("void_later")}` : sentence()));
}

// This battle is done with; the sentence of `key` says why, where that is not plain.
export function next(key) {
  over.forget();
  voids = 0;
  toAsking();
  first.text = draft.comeBack();
  tellBefore(key);
}

function toAsking() {
  write(SEEN, null);
  draft.forget();
  Object.assign(at, { phase: "ask", battle: null });
  follow.text = "";
  follow.say();
  first.say();
  offer.again();
  tell(() => "");
  tellBefore();
  render();
  window.scrollTo(0, 0);
  focusPrompt();
}
