// The course of a battle: opened, followed while it is written, ready, revealed, and the next one.
//
// The server decides; what it says of the battle moves the page on. What a person does about it is
// for prompts.js and votes.js.

import * as draft from "./draft.js";
import * as offer from "./offer.js";
import * as over from "./over.js";
import { at, by, first, focus, focusPrompt, follow, isStill, render } from "./page.js";
import * as panes from "./panes.js";
import { tell, tellWaiting, tellWriting } from "./status.js";
import { write } from "./tab.js";
import { ask, sentenceOf } from "./talk.js";
import { nth, say } from "./words.js";

const VOIDS_IN_A_ROW = 3;
export const SEEN = "battle"; // what the tab keeps: the battle it showed last

let voids = 0;

// A new battle; throws what the server refused with.
export async function open(prompt) {
  const body = { prompt, ...offer.questionOf(prompt) };
  over.opens(prompt);
  const view = await ask("/api/battles", body);
  first.text = "";
  draft.forget();
  window.scrollTo(0, 0);
  followIt(view);
}

// From now on the page shows this battle.
export function take(view) {
  if (follow.text && at.battle?.battle_id !== view.battle_id)
    draft.keep(follow.text, view.battle_id);
  at.battle = view;
  draft.sent(view.prompts.at(-1), view.battle_id);
  write(SEEN, view.battle_id);
  over.bind(view.battle_id);
}

export function followIt(view) {
  take(view);
  at.phase = "streaming";
  tellWaiting();
  render();
  panes.show(view.battle_id, settle, () => at.phase === "streaming" && tellWriting());
}

// What the server says of the battle that is written; null where it says nothing, or says it late.
export async function news() {
  const asked = at.battle;
  let view = null;
  let refused = null;
  try {
    view = await ask(`/api/battles/${asked.battle_id}`);
  } catch (refusal) {
    refused = refusal;
  }
  if (at.phase !== "streaming" || at.battle !== asked) return null; // that was about an earlier turn
  if (refused?.status === 403) intoTheBox(asked, sentenceOf(refused));
  else if (refused) tell(() => say("lost_line"));
  return view;
}

// The panes show all there is: what does the server say?
export async function settle() {
  const view = at.phase === "streaming" && (await news());
  if (view) arrive(view);
}

// The page follows what the server holds, whoever brought it about.
export function arrive(view) {
  if (view.state === "streaming") return;
  if (view.state === "void") return again(view);
  if (view.state === "skipped") return intoTheBox(view, say("closed"));
  take(view);
  if (view.state === "ready") return beReady();
  return view.reveal ? reveal(view.state) : next();
}

// Another tab may have been quicker: does the server hold what this page shows? `sentence` says what
// was refused for that.
export async function look(sentence = "") {
  const shown = at.battle;
  const view = await ask(`/api/battles/${shown.battle_id}`).catch(() => null);
  if (!view || at.battle !== shown || at.phase !== "ready") return;
  if (view.state === "ready" && view.prompts.length === shown.prompts.length) return;
  if (view.state === "streaming") followIt(view);
  else arrive(view);
  if (isStill()) panes.show(view.battle_id, () => {});
  if (sentence) tell(() => sentence, true);
}

export function beReady() {
  at.phase = "ready";
  at.readyAt = performance.now();
  voids = 0;
  follow.text ||= draft.kept(at.battle.battle_id) || over.next();
  if (over.isTooLong(follow.text)) follow.say(say("prompt_long"));
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
  if (view.too_long && view.prompts.length === 1) return intoTheBox(view, say("prompt_long"));
  if (voids >= VOIDS_IN_A_ROW) return intoTheBox(view, say("void_again"));
  over.begin(view);
  at.phase = "opening";
  panes.hide();
  follow.text ||= draft.kept(view.battle_id) || over.next();
  tellWaiting();
  render();
  try {
    await open(view.prompts[0]);
  } catch (refused) {
    intoTheBox(view, `${say("void_ended")} ${sentenceOf(refused)}`);
  }
}

// The first prompt goes back into its box; those after it follow when it is answered.
function intoTheBox(lost, sentence) {
  voids = 0;
  over.begin(lost);
  over.hush();
  toAsking();
  first.text = lost.prompts[0];
  draft.keep(first.text);
  first.say(over.isWaiting() ? `${sentence} ${say("void_later")}` : sentence);
}

// This battle is done with; `sentence` says why, where that is not plain.
export function next(sentence = "") {
  over.forget();
  voids = 0;
  toAsking();
  by("ask-status").textContent = sentence;
}

function toAsking() {
  write(SEEN, null);
  draft.forget();
  Object.assign(at, { phase: "ask", battle: null });
  follow.text = "";
  follow.say("");
  first.say("");
  offer.again();
  tell(() => "");
  by("ask-status").textContent = "";
  render();
  window.scrollTo(0, 0);
  focusPrompt();
}
