// The battle page: ask, follow two responses, vote, see the names, ask again.
//
// The server decides; this file shows what it said. A battle is what /api/battles tells of it, and
// `phase` is where the page stands with it: ask, opening, streaming, ready, saving, voted, withdrawn.

import { box, chips, questionOf } from "./ask.js";
import { listen } from "./keys.js";
import * as over from "./over.js";
import * as panes from "./panes.js";
import { ask, newKey, Refused } from "./talk.js";
import { aspect, language, nth, say, switchLanguage } from "./words.js";

const VOIDS_IN_A_ROW = 3;
const QUIET_MS = 4000; // no new text for so long: ask the server how things stand
const SEEN = "battle"; // sessionStorage: the battle this tab showed last

const by = (id) => document.getElementById(id);
const first = box("first");
const follow = box("follow");
const offer = chips((prompt) => {
  over.forget();
  open(prompt);
});

let phase = "ask";
let battle = null;
let key = null; // of the vote that is being made: kept until it is saved
let sent = null; // the follow-up that is being answered, and how many turns it makes
let readyAt = 0;
let voids = 0;
let unanswered = 0; // how often in a row the panes did not follow
let status = () => "";

// ---- what is seen

function tell(sentence, isAlarm = false) {
  status = sentence;
  by("status").textContent = sentence();
  by("bar").classList.toggle("alarm", isAlarm);
}

function render() {
  const asking = phase === "ask" || (phase === "opening" && !battle);
  const revealed = phase === "voted" || phase === "withdrawn";
  document.body.dataset.phase = phase;
  by("ask").hidden = !asking;
  by("battle").hidden = asking;
  by("bar").hidden = asking;
  first.busy = phase === "opening";
  follow.busy = phase !== "ready";
  by("vote").hidden = revealed;
  for (const button of by("vote").children) button.disabled = phase !== "ready";
  by("reveal").hidden = !revealed;
  by("withdraw").hidden = phase !== "voted";
  by("skip").hidden = !(phase === "ready" || phase === "streaming");
  if (battle) renderBattle();
  const notice = over.sentence();
  if (by("notice").textContent !== notice) by("notice").textContent = notice;
}

function renderBattle() {
  const { prompts, reveal } = battle;
  by("question").textContent = prompts[0];
  by("kind").textContent = battle.aspect
    ? `${say("prompt")} · ${aspect(battle.aspect)}`
    : say("prompt");
  panes.nameSeats(reveal);
  if (!reveal) return;
  for (const seat of ["a", "b"]) {
    const notes = [say(`quantization_${reveal[`quantization_${seat}`]}`)];
    const outcome = phase === "withdrawn" ? null : reveal.outcome;
    if (outcome === `model_${seat}`) notes.push(say("you_preferred"));
    else if (outcome === "tie") notes.push(say("you_tied"));
    else if (outcome === "both_bad") notes.push(say("you_both_bad"));
    by(`name-${seat}`).textContent = reveal[`model_${seat}`];
    by(`note-${seat}`).textContent = notes.filter(Boolean).join(" · ");
  }
}

function focus(el) {
  el.focus({ preventScroll: true });
}

// On a phone the keyboard would cover the questions.
function focusPrompt() {
  focus(matchMedia("(pointer: fine)").matches ? first.area : by("main"));
}

// ---- from the server to the page

function take(view) {
  if (!battle || battle.battle_id !== view.battle_id) key = sent = null;
  battle = view;
  sessionStorage.setItem(SEEN, view.battle_id);
  over.bind(view.battle_id);
}

function follows(view) {
  take(view);
  phase = "streaming";
  askedAt = Date.now();
  tell(waiting);
  render();
  panes.show(view.battle_id, settle, () => {
    if (phase === "streaming" && status === waiting) tell(() => say("writing"));
  });
}

// The same line whichever models have to be loaded, and where none has; it moves by whole steps,
// so that a screen reader does not count seconds aloud.
const STEP_S = 5;
let askedAt = 0;

function waiting() {
  const steps = Math.floor((Date.now() - askedAt) / (1000 * STEP_S));
  return steps ? say("waiting_s", { n: steps * STEP_S }) : say("waiting");
}

setInterval(() => {
  if (phase === "streaming" && status === waiting && by("status").textContent !== waiting())
    tell(waiting);
}, 1000);

// The panes show all there is, or have been quiet: what does the server say?
async function settle() {
  if (phase !== "streaming") return;
  const id = battle.battle_id;
  let view;
  try {
    view = await ask(`/api/battles/${id}`);
  } catch (refused) {
    if (refused.status === 403) return intoTheBox(battle, sentenceOf(refused));
    return tell(() => say("lost_line"));
  }
  if (phase !== "streaming" || battle.battle_id !== id) return;
  unanswered = 0;
  arrive(view);
}

function arrive(view) {
  if (view.state === "streaming") return;
  if (view.state === "void") return again(view);
  take(view);
  if (view.state !== "ready") return view.reveal ? reveal(view.state) : start();
  const isFull = takenOut();
  beReady();
  if (isFull) follow.say(say("prompt_full"));
}

// The models had no room for the follow-up: the server took it out again, the rest stands.
function takenOut() {
  const lost = sent;
  sent = null;
  if (!lost || battle.prompts.length >= lost.turns) return false;
  over.putBack(lost.prompt);
  return true;
}

function beReady() {
  phase = "ready";
  key ??= newKey();
  readyAt = performance.now();
  voids = 0;
  follow.area.value ||= over.next();
  tell(() => say("ready"));
  render();
  if (!/^(TEXTAREA|INPUT)$/.test(document.activeElement?.tagName)) focus(by("bar"));
}

function reveal(state, receipt) {
  phase = state;
  key = null;
  if (receipt) Object.assign(battle, { reveal: receipt.reveal, state: "voted" });
  const votes = receipt?.votes_by_rater ?? battle.votes_by_rater;
  if (state === "withdrawn") tell(() => say("withdrawn"));
  else tell(() => (votes ? say("saved_nth", { nth: nth(votes) }) : say("saved")));
  render();
  focus(by("next"));
}

// We failed: one neutral sentence, and the same prompt in a new battle.
async function again(view) {
  battle = view;
  voids += 1;
  if (view.too_long) return intoTheBox(view, say("prompt_long"));
  if (voids >= VOIDS_IN_A_ROW) return intoTheBox(view, say("void_again"));
  over.begin(view);
  phase = "opening";
  askedAt = Date.now();
  panes.hide();
  follow.area.value ||= over.next();
  tell(waiting);
  render();
  try {
    begin(await newBattle(view.prompts[0]));
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
  first.area.value = lost.prompts[0];
  first.say(over.isWaiting() ? `${sentence} ${say("void_later")}` : sentence);
}

// ---- from the person to the server

const newBattle = (prompt) =>
  ask("/api/battles", { prompt, ...questionOf(prompt) }, { slow: true });

function begin(view) {
  first.area.value = "";
  window.scrollTo(0, 0);
  follows(view);
}

async function open(prompt) {
  if (phase !== "ask") return;
  if (prompt.trim() === "") {
    first.say(say("prompt_empty"));
    return focus(first.area);
  }
  phase = "opening";
  first.area.value = prompt;
  first.say("");
  render();
  try {
    begin(await newBattle(prompt));
    focus(by("main"));
  } catch (refused) {
    phase = "ask";
    render();
    first.say(sentenceOf(refused));
    focus(first.area);
  }
}

async function askOn(prompt) {
  if (phase !== "ready") return;
  if (prompt.trim() === "") return follow.say(say("prompt_empty"));
  follow.say("");
  phase = "opening";
  tell(() => say("opening"));
  render();
  try {
    const turns = battle.prompts.length + 1;
    const view = await ask(`/api/battles/${battle.battle_id}/turns`, { prompt }, { slow: true });
    over.asked();
    follow.area.value = "";
    key = null;
    sent = { prompt, turns };
    follows(view);
    focus(by("main"));
  } catch (refused) {
    phase = "ready";
    tell(() => say("ready"));
    render();
    follow.say(sentenceOf(refused));
    focus(follow.area);
  }
}

function vote(outcome) {
  if (phase !== "ready") return false;
  cast(outcome);
  return true;
}

async function cast(outcome) {
  const id = battle.battle_id;
  const body = { token: battle.token, outcome, key, dwell_ms: Math.round(performance.now() - readyAt) };
  phase = "saving";
  tell(() => say("saving"));
  render();
  try {
    const receipt = await ask("/api/votes", body, { unreachable: "not_saved" });
    if (battle.battle_id === id) reveal("voted", receipt);
  } catch (refused) {
    phase = "ready";
    render();
    tell(() => (refused.code === "offline" ? say("not_saved") : sentenceOf(refused)), true);
    by("vote").querySelector(`[data-outcome=${outcome}]`).focus({ preventScroll: true });
    if (refused.status === 409) await look(id, refused);
  }
}

// Another outcome is in force, or the battle is closed: show what the server holds.
async function look(id, refused) {
  const view = await ask(`/api/battles/${id}`).catch(() => null);
  if (!view || view.state === "ready") return; // the sentence of the refusal stands already
  if (view.state === "void") return again(view);
  if (!view.reveal && view.state !== "streaming") return start(() => sentenceOf(refused));
  if (view.state === "streaming") return follows(view);
  take(view);
  reveal(view.state);
  tell(() => sentenceOf(refused), true);
}

function withdraw() {
  if (phase !== "voted") return false;
  takeBack();
  return true;
}

async function takeBack() {
  by("withdraw").disabled = true;
  key ??= newKey();
  try {
    const body = { battle_id: battle.battle_id, key };
    await ask("/api/withdraw", body, { unreachable: "not_withdrawn" });
    reveal("withdrawn");
  } catch (refused) {
    tell(() => (refused.code === "offline" ? say("not_withdrawn") : sentenceOf(refused)), true);
  } finally {
    by("withdraw").disabled = false;
  }
}

function skip() {
  if (phase !== "ready" && phase !== "streaming") return false;
  passOver();
  return true;
}

async function passOver() {
  try {
    await ask("/api/skip", { battle_id: battle.battle_id });
    start(() => say("skipped"));
  } catch (refused) {
    tell(() => sentenceOf(refused));
  }
}

function next() {
  if (phase !== "voted" && phase !== "withdrawn") return false;
  start();
  return true;
}

function start(sentence = () => "") {
  over.forget();
  voids = 0;
  toAsking();
  by("ask-status").textContent = sentence();
}

function toAsking() {
  sessionStorage.removeItem(SEEN);
  phase = "ask";
  battle = null;
  key = null;
  sent = null;
  unanswered = 0;
  follow.area.value = "";
  follow.say("");
  first.say("");
  offer.again();
  tell(() => "");
  by("ask-status").textContent = "";
  render();
  window.scrollTo(0, 0);
  focusPrompt();
}

function sentenceOf(refused) {
  return refused instanceof Refused ? refused.message : say("unexpected");
}

// ---- what happens besides

async function resume() {
  const view = await lastSeen();
  if (phase !== "ask" || first.area.value) return; // someone was quicker
  if (!view || !over.belongsTo(view.battle_id)) over.forget();
  if (!view) return focusPrompt();
  if (view.state === "void") return again(view);
  if (view.state === "streaming") return follows(view);
  take(view);
  if (view.state === "ready") beReady();
  else reveal(view.state);
  panes.show(view.battle_id, () => {});
}

// The battle that is open, or the one this tab showed last, if there is still something to see.
async function lastSeen() {
  const seen = sessionStorage.getItem(SEEN);
  const { battle: open } = await ask("/api/battles/current").catch(() => ({ battle: null }));
  if (open && ["streaming", "ready"].includes(open.state)) return open;
  const view = seen && (await ask(`/api/battles/${seen}`).catch(() => null));
  return view && (view.reveal || view.state === "void") ? view : null;
}

// A phone that slept, a server that was restarted: the stream may have ended without a word.
async function watch() {
  if (phase !== "streaming" || Date.now() - panes.lastChange < QUIET_MS) return;
  const id = battle.battle_id;
  const view = await ask(`/api/battles/${id}`).catch(() => null);
  if (!view || phase !== "streaming" || battle.battle_id !== id) return;
  if (view.state === "streaming") return panes.rest(); // slow, but alive
  unanswered += 1;
  if (unanswered > 2) return location.reload();
  panes.show(id, settle);
}

function openSheet(id) {
  by(id).showModal();
  return true;
}

function wire() {
  first.onSend(open);
  follow.onSend(askOn);
  for (const button of by("vote").children)
    button.addEventListener("click", () => vote(button.dataset.outcome));
  by("next").addEventListener("click", next);
  by("withdraw").addEventListener("click", withdraw);
  by("skip").addEventListener("click", skip);
  for (const button of document.querySelectorAll("[data-open]"))
    button.addEventListener("click", () => openSheet(button.dataset.open));
  for (const sheet of document.querySelectorAll("dialog"))
    sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  for (const link of document.querySelectorAll("[data-lang]"))
    link.addEventListener("click", (event) => {
      event.preventDefault();
      change(link.dataset.lang);
    });
  listen({ vote, skip, withdraw, next, open: openSheet });
}

function change(to) {
  if (to === language()) return;
  switchLanguage(to);
  offer.show();
  tell(status, by("bar").classList.contains("alarm"));
  render();
  const isStill = ["ready", "voted", "withdrawn"].includes(phase);
  if (isStill) panes.show(battle.battle_id, () => {}); // "(empty response)" is a sentence too
}

wire();
render();
panes.ready.then(render);
resume();
setInterval(watch, 1000);
document.addEventListener("visibilitychange", watch);
