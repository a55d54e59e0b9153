// Talks to the server: JSON there, JSON back, and a sentence whatever happens.

import { say } from "./words.js";

export class Refused extends Error {
  constructor(message, code, status) {
    super(message);
    this.code = code; // the key of its sentence
    this.status = status; // 0: no answer came at all
  }

  // The answer may be lost alone: then it was done.
  get isUnanswered() {
    return this.status === 0;
  }

  // The battle does not stand as the page shows it.
  get isOutdated() {
    return this.status === 403 || this.status === 409;
  }
}

// In the language that is read now, whichever it was when the server refused.
export const sentenceOf = (error) =>
  error instanceof Refused ? say(error.code) || error.message : say("unexpected");

// How long an answer may take, twice as long as a new battle waits for models that rest; longer is
// like no answer. Tests are less patient.
const patience = () => Number(document.body.dataset.patience ?? 10_000);

const AGAIN_MS = 1000;

// Before a server that said nothing is asked again.
export const pause = () => new Promise((later) => setTimeout(later, AGAIN_MS));

// A page that is left hears no answer: it, or the one that is loaded in its place, finds out what
// became of what it asked once it is shown.
let shown = Promise.resolve();
addEventListener("pagehide", () => {
  shown = new Promise((resolve) => addEventListener("pageshow", resolve, { once: true }));
});

// Safari keeps the page that was left, shows it again when someone goes back to it, and never tells
// it what became of what it asked.
let asked = 0; // what waits for its answer
addEventListener("pageshow", ({ persisted }) => persisted && asked && location.reload());

// What was pressed reaches the server though the page is left before it was sent: the six connections
// of a browser may all be waiting. It may do so for 64 KiB at a time, at most three bytes a character.
const OUTLIVES = 10_000;

export async function ask(path, body, { unreachable = "offline" } = {}) {
  const signal = AbortSignal.timeout(patience());
  const options = { headers: { Accept: "application/json" }, credentials: "same-origin", signal };
  if (body !== undefined) {
    options.method = "POST";
    options.keepalive = true;
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
    options.keepalive = options.body.length <= OUTLIVES;
  }
  let answer = null;
  let said = null;
  asked += 1;
  try {
    answer = await fetch(path, options);
    said = await answer.json();
    asked -= 1;
  } catch {
    asked -= 1;
    await shown;
    const isRefused = answer && !answer.ok && answer.status < 500; // else it is a proxy that waited
    throw new Refused(say(unreachable), unreachable, isRefused ? answer.status : 0);
  }
  if (!answer.ok) throw new Refused(said.message ?? say(unreachable), said.error, answer.status);
  return said;
}

// Random for each press; crypto.randomUUID is missing on plain http.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
