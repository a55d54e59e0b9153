// What is typed and not sent: kept by the tab, so that a reload or a slip of the hand loses nothing.
//
// There is one draft at most. It belongs to the battle it would go on with, or to none yet.

import { read, write } from "./tab.js";

const KEPT = "draft";

export const keep = (text, battle = null) => write(KEPT, text ? { text, battle } : null);
export const forget = () => write(KEPT, null);

export function kept(battle = null) {
  const draft = read(KEPT);
  return draft?.battle === battle ? draft.text : "";
}

export const isSame = (one, other) => one.trim() === other.trim();

// The server has it, even if the answer that said so was lost in a reload.
export function sent(prompt, battle) {
  for (const whose of [null, battle]) if (isSame(kept(whose), prompt)) forget();
}
