// A battle that starts over: the sentence that says so, and the prompts that wait to be asked again.
//
// It stands as long as the new battle does, so that nothing moves while someone reads. The tab keeps
// it, so that a reload loses nothing, also while the new battle is being opened. Why a battle could
// not be finished is not known here, but for a prompt that was too long.

import { isSame } from "./draft.js";
import { read, write } from "./tab.js";
import { say } from "./words.js";

const KEPT = "over";
// battle: the one that is shown      opening: the first prompt of one that is asked for
// awaited: no answer has come to that yet
// ended: the one that is lost        notice: the key of the sentence
// talk: more than one prompt was asked      later: the prompts that wait, { prompt, tooLong }
const NOTHING = {
  battle: null, opening: null, awaited: false, ended: null, notice: "", talk: false, later: [],
};

let kept = read(KEPT) ?? NOTHING;

function keep(changes) {
  kept = { ...kept, ...changes };
  write(KEPT, kept);
}

// What is typed for a follow-up stands for the next prompt that waits.
export function typed(prompt) {
  const one = { prompt, tooLong: isTooLong(prompt) };
  if (prompt.trim()) keep({ later: [one, ...kept.later.slice(1)] });
}

// This battle is lost: what was asked in it after the first prompt waits, in order.
export function begin({ battle_id: ended, prompts, too_long }) {
  if (ended === kept.ended) return; // told already, before a reload
  const asked = prompts.map((prompt) => ({ prompt, tooLong: false }));
  asked.at(-1).tooLong = too_long;
  const talk = kept.talk || prompts.length > 1;
  const notice = too_long ? "void_long" : talk ? "void_talk" : "void";
  keep({ ended, notice, talk, later: [...asked.slice(1), ...kept.later] });
}

// A battle with this first prompt is asked for; the answer may be lost in a reload.
export const opens = (prompt) => keep({ opening: prompt, awaited: true });
export const refused = () => keep({ awaited: false });
export const isAwaited = (prompt) => Boolean(kept.awaited) && isSame(kept.opening, prompt);

// From now on it is this battle that is shown.
export const bind = (battle) => keep({ battle, opening: null, awaited: false });

export const belongsTo = ({ battle_id, prompts }) =>
  kept.battle === battle_id || (kept.opening !== null && isSame(kept.opening, prompts[0]));

export const lost = () => kept.ended;
export const isWaiting = () => kept.later.length > 0;
export const next = () => kept.later[0]?.prompt ?? "";
export const isTooLong = (text) => isWaiting() && kept.later[0].tooLong && isSame(text, next());
export const asked = () => keep({ later: kept.later.slice(1) });

// No new battle opened: what waits is kept for the next one that does.
export const hush = () => keep({ notice: "" });
export const forget = () => keep(NOTHING);

export function sentence() {
  if (!kept.notice) return "";
  return isWaiting() ? `${say(kept.notice)} ${say("void_next")}` : say(kept.notice);
}
