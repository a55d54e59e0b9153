// What is typed and not sent: kept by the tab, so that a reload or a slip of the hand loses nothing.
//
// There is one draft at most. It belongs to the battle it would go on with, or to none yet. What was
// typed when a question was picked instead, or another tab voted, waits aside until the page asks for
// the next battle; of several, the newest comes first.

import { read, write } from "./tab.js";

const KEPT = "draft";
const ASIDE = "aside"; // the newest last
const EARLY = "early"; // see templates/battle.html

export const keep = (text, battle = null) => write(KEPT, text ? { text, battle } : null);
export const forget = () => write(KEPT, null);

export function kept(battle = null) {
  const draft = read(KEPT);
  return draft?.battle === battle ? draft.text : "";
}

// Over a slow line a box is typed in before any of this is there; or it never came, and the page was
// loaded again.
export function early(inTheBox) {
  const text = inTheBox || read(EARLY);
  write(EARLY, null);
  if (!text) return kept();
  if (!isSame(text, kept())) setAside(kept());
  keep(text);
  return text;
}

export const isSame = (one, other) => one.trim() === other.trim();

export function setAside(text) {
  if (!text.trim()) return;
  write(ASIDE, [...aside(), text]);
  forget();
}

const aside = () => read(ASIDE) ?? [];

export function comeBack() {
  const texts = aside();
  const text = texts.pop() ?? "";
  write(ASIDE, texts.length ? texts : null);
  keep(text);
  return text;
}

// The server has it, even if the answer that said so was lost in a reload.
export function sent(prompt, battle) {
  for (const whose of [null, battle]) if (isSame(kept(whose), prompt)) forget();
}
