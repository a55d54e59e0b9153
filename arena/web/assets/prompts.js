// A person sends a prompt: the first one of a battle, or one that goes on with it.

import { followIt, look, open } from "./course.js";
import * as draft from "./draft.js";
import * as offer from "./offer.js";
import * as over from "./over.js";
import { at, by, first, focus, follow, render, tellBefore } from "./page.js";
import { tell } from "./status.js";
import { ask, sentenceOf } from "./talk.js";
import { say } from "./words.js";

export async function sendFirst(prompt) {
  if (at.phase !== "ask") return;
  if (prompt.trim() === "") {
    first.say(() => say("prompt_empty"));
    return focus(first.area);
  }
  tellBefore("opening"); // it may wait for models that rest
  at.phase = "opening";
  first.text = prompt;
  draft.keep(prompt);
  first.say();
  render();
  try {
    await open(prompt);
    focus(by("main"));
  } catch (refused) {
    at.phase = "ask";
    tellBefore();
    render();
    first.say(() => sentenceOf(refused));
    focus(first.area);
  }
}

// A question of the bank has nothing to do with what waited to be asked again, or was typed.
export function sendPicked(prompt) {
  if (at.phase !== "ask") return;
  over.forget();
  if (!offer.isOffered(first.text)) draft.setAside(first.text);
  sendFirst(prompt);
}

export async function sendFollowUp(prompt) {
  if (at.phase !== "ready") return;
  if (prompt.trim() === "") return follow.say(() => say("prompt_empty"));
  follow.say();
  at.phase = "opening";
  tell(() => say("opening"));
  render();
  try {
    const view = await ask("/api/battles/turns", { token: at.battle.token, prompt });
    over.asked();
    follow.text = "";
    draft.forget();
    followIt(view);
    focus(by("main"));
  } catch (refused) {
    at.phase = "ready";
    tell(() => say("ready"));
    render();
    follow.say(() => sentenceOf(refused));
    focus(follow.area);
    if (refused.isOutdated) look(refused, prompt);
  }
}

export function keepDrafts() {
  first.onType((text) => draft.keep(text));
  follow.onType((text) => draft.keep(text, at.battle.battle_id));
}
