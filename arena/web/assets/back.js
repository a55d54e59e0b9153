// A page that comes back: after a reload, after a phone slept, after a server was restarted.

import { again, beReady, followIt, reveal, SEEN, settle, take } from "./course.js";
import * as draft from "./draft.js";
import * as over from "./over.js";
import { at, first, focusPrompt, follow } from "./page.js";
import * as panes from "./panes.js";
import { read } from "./tab.js";
import { ask } from "./talk.js";

const QUIET_MS = 4000; // no new text for so long: ask the server how things stand

let unanswered = 0; // how often in a row the panes did not follow

export async function resume() {
  const typed = draft.kept();
  first.text = typed;
  const view = await lastSeen();
  if (at.phase !== "ask" || first.text !== typed) return; // someone was quicker
  const isSent = typed && view && draft.isSame(view.prompts[0], typed);
  if (typed && !isSent) return focusPrompt(); // this tab was asking
  first.text = "";
  if (!view || !over.belongsTo(view)) over.forget();
  if (!view) return focusPrompt();
  if (over.lost()) follow.text = draft.kept(over.lost()); // this battle stands for that one
  if (view.state === "void") return again(view);
  if (view.state === "streaming") return followIt(view);
  take(view);
  if (view.state === "ready") beReady();
  else reveal(view.state);
  panes.show(view.battle_id, () => {});
}

// The battle that is open, or the one this tab showed last, if there is still something to see.
async function lastSeen() {
  const seen = read(SEEN);
  const { battle: open } = await ask("/api/battles/current").catch(() => ({ battle: null }));
  if (open && ["streaming", "ready"].includes(open.state)) return open;
  const view = seen && (await ask(`/api/battles/${seen}`).catch(() => null));
  return view && (view.reveal || view.state === "void") ? view : null;
}

// The stream may have ended without a word.
async function watch() {
  if (at.phase !== "streaming") unanswered = 0;
  if (at.phase !== "streaming" || Date.now() - panes.lastChange < QUIET_MS) return;
  const id = at.battle.battle_id;
  const view = await ask(`/api/battles/${id}`).catch(() => null);
  if (!view || at.phase !== "streaming" || at.battle.battle_id !== id) return;
  if (view.state === "streaming") return panes.rest(); // slow, but alive
  unanswered += 1;
  if (unanswered > 2) return location.reload();
  panes.show(id, settle);
}

export function watchOver() {
  setInterval(watch, 1000);
  document.addEventListener("visibilitychange", watch);
}
