// A battle that starts over: the sentence that says so, and the prompts that wait to be asked again.
//
// It stands as long as the new battle does, so that nothing moves while someone reads. The tab keeps
// it, so that a reload loses nothing. Why a battle could not be finished is not known here.

import { read, write } from "./tab.js";
import { say } from "./words.js";

const KEPT = "over";
const NOTHING = { battle: null, ended: null, notice: false, talk: false, later: [] };

let kept = read(KEPT) ?? NOTHING;

function keep(changes) {
  kept = { ...kept, ...changes };
  write(KEPT, kept);
}

// This battle is lost: what was asked in it after the first prompt waits, in order.
export function begin({ battle_id: ended, prompts }) {
  if (ended === kept.ended) return; // told already, before a reload
  const later = [...prompts.slice(1), ...kept.later];
  keep({ ended, notice: true, talk: kept.talk || prompts.length > 1, later });
}

// From now on it is this battle that is shown.
export const bind = (battle) => keep({ battle });
export const belongsTo = (battle) => kept.battle === battle;

export const isWaiting = () => kept.later.length > 0;
export const next = () => kept.later[0] ?? "";
export const asked = () => keep({ later: kept.later.slice(1) });
export const putBack = (prompt) => keep({ later: [prompt, ...kept.later] });

// No new battle opened: what waits is kept for the next one that does.
export const hush = () => keep({ notice: false });
export const forget = () => keep(NOTHING);

export function sentence() {
  if (!kept.notice) return "";
  const over = say(kept.talk ? "void_talk" : "void");
  return isWaiting() ? `${over} ${say("void_next")}` : over;
}
