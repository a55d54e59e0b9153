// A page that comes back: after a reload, after a phone slept, after a server was restarted.

import { catchUp, followOn, isOpen, look, news, SEEN, settle } from "./course.js";
import * as draft from "./draft.js";
import * as over from "./over.js";
import { at, by, first, focusPrompt, follow, tellBefore } from "./page.js";
import * as panes from "./panes.js";
import { isLost } from "./status.js";
import { read } from "./tab.js";
import { ask, pause } from "./talk.js";

const QUIET_MS = 4000; // no new text for so long: ask the server how things stand
const OPENING_MS = 6000; // so long a battle may open: it waits for models that rest
const SILENT_MS = 1000; // so long a page may look without a word
const QUIETS = 5; // so often nothing new: perhaps the panes hear nothing at all, and are told again

let quiet = 0; // how often that was so in this turn
let unanswered = 0; // how often in a row the panes did not follow

export async function resume() {
  const typed = draft.early(first.text);
  first.text = typed;
  const isWriting = () => first.text !== typed || document.activeElement === first.area;
  const found = tellSearch(typed);
  const view = (await lastSeen()) ?? (await opening(typed, isWriting));
  found();
  if (at.phase !== "ask") return; // someone was quicker
  const isSent = typed && view && draft.isSame(view.prompts[0], typed);
  const isAsking = isWriting() || (typed && !isSent);
  if (view && !isAsking) return goBack(view);
  if (isAsking && isOpen(view)) offerBack(view);
  if (!isAsking) over.forget();
  if (!isWriting()) focusPrompt();
}

// Whoever writes is not taken away from it: the next keys would be taken for votes.
function offerBack(view) {
  tellBefore("still_open");
  by("back").onclick = () => goBack(view);
}

function goBack(view) {
  if (!draft.isSame(first.text, view.prompts[0])) draft.setAside(first.text);
  first.text = "";
  tellBefore();
  if (!over.belongsTo(view)) over.forget();
  if (over.lost()) follow.text = draft.kept(over.lost()); // this battle stands for that one
  catchUp(view);
}

// Whoever had a battle reads why the page asks for a prompt while the server is silent.
function tellSearch(typed) {
  const tell = () => at.phase === "ask" && tellBefore("looking");
  const silent = (read(SEEN) || over.isAwaited(typed)) && setTimeout(tell, SILENT_MS);
  return () => {
    clearTimeout(silent);
    if (by("ask-status").dataset.w === "looking") tellBefore();
  };
}

// The battle that is open, or the one this tab showed last, if there is still something to see.
async function lastSeen() {
  const seen = read(SEEN);
  const { battle: open } = await answer("/api/battles/current");
  if (isOpen(open)) return open;
  const view = seen && (await answer(`/api/battles/${seen}`));
  return view?.reveal || ["void", "skipped"].includes(view?.state) ? view : null;
}

// What was sent right before the page was loaded again may be on its way, or wait for its models.
async function opening(typed, isWriting) {
  const until = performance.now() + OPENING_MS;
  const isAwaited = () => over.isAwaited(typed) && at.phase === "ask" && !isWriting();
  while (isAwaited() && performance.now() < until) {
    await pause();
    const { battle } = await answer("/api/battles/current");
    if (isOpen(battle) && over.isAwaited(battle.prompts[0])) return battle;
  }
  return null;
}

const isRefusal = (status) => status >= 400 && status < 500;

// What the server says; where it says nothing, it is asked until it does, or someone was quicker.
async function answer(path) {
  for (;;) {
    try {
      return await ask(path);
    } catch (refused) {
      if (isRefusal(refused.status) || at.phase !== "ask") return {};
      await pause();
    }
  }
}

// The stream may have ended without a word.
async function watch() {
  if (at.phase !== "streaming") quiet = unanswered = 0;
  if (at.phase !== "streaming" || performance.now() - panes.lastChange < QUIET_MS) return;
  const view = await news();
  if (!view) return;
  if (isLost()) return location.reload(); // the line is back, and Gradio's stream is not
  if (view.state === "streaming") {
    quiet += 1;
    return quiet % QUIETS ? panes.rest() : followOn(); // slow, but alive
  }
  unanswered += 1;
  if (unanswered > 2) return loadWithPanes();
  panes.show(view.battle_id, settle);
}

// Safari remembers of a script that it did not come, also when the page is loaded again, until it is
// asked for like this; without one of Gradio's there are no panes.
async function loadWithPanes() {
  const links = by("text-b") ? [] : [...document.querySelectorAll("link[rel=modulepreload]")];
  const signal = AbortSignal.timeout(QUIET_MS);
  const whole = async ({ href }) => (await fetch(href, { cache: "reload", signal })).text();
  await Promise.allSettled(links.map(whole));
  location.reload();
}

export function watchOver() {
  const later = () => setTimeout(() => watch().finally(later), 1000); // one question at a time
  later();
  document.addEventListener("visibilitychange", () => {
    if (at.phase === "ready" && !document.hidden) look();
    else watch();
  });
}
