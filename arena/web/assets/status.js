// The status line of the bar: one sentence at a time, in whatever language is read now.

import { sentenceOf } from "./talk.js";
import { say } from "./words.js";

const by = (id) => document.getElementById(id);

let said = () => "";

// `sentence` is a function, so that it can be said again in another language.
export function tell(sentence, isAlarm = false) {
  said = sentence;
  by("status").textContent = sentence();
  by("bar").classList.toggle("alarm", isAlarm);
}

export const tellAgain = () => tell(said, by("bar").classList.contains("alarm"));

// The same line whichever models have to be loaded, and where none has; it moves by whole steps,
// so that a screen reader does not count seconds aloud.
const STEP_S = 5;
let since = 0;

function waiting() {
  const steps = Math.floor((performance.now() - since) / (1000 * STEP_S));
  return steps ? say("waiting_s", { n: steps * STEP_S }) : say("waiting");
}

export function tellWaiting() {
  since = performance.now();
  tell(waiting);
}

export function tellWriting() {
  if (said === waiting || said === lost) tell(() => say("writing"));
}

// A server that answers, but cannot say how the battle stands, says what it lacks.
let refusal = null;
const lost = () => (refusal.status === 503 ? sentenceOf(refusal) : say("lost_line"));

export function tellLost(why) {
  refusal = why;
  tell(lost);
}

export const isLost = () => said === lost;

setInterval(() => {
  if (said === waiting && by("status").textContent !== waiting()) tell(waiting);
}, 1000);
