// The battle page starts here: what a person presses is bound to what it does.
//
// The server decides, and the page shows what it said. From the top:
//   battle      buttons, keys and languages are bound
//   back        a page that comes back after a reload or a sleep finds its battle again
//   prompts     a person sends a prompt      votes    a person judges: vote, withdraw, skip, next
//   course      the course of one battle, as the server tells it
//   page        where the page stands, and what is seen of it      status   the line in the bar
//   over        what is said, and kept, when a battle starts over
//   panes       the two responses, which Gradio renders
//   offer       questions to pick            box, draft   a prompt box, and what was typed in it
//   talk, tab, keys, words                   the server, the tab's memory, the keyboard, sentences

import { resume, watchOver } from "./back.js";
import { listen } from "./keys.js";
import * as offer from "./offer.js";
import { at, by, deafen, first, follow, isStill, render } from "./page.js";
import * as panes from "./panes.js";
import { keepDrafts, sendFirst, sendFollowUp, sendPicked } from "./prompts.js";
import { tellAgain } from "./status.js";
import { goOn, skip, vote, withdraw } from "./votes.js";
import { language, switchLanguage } from "./words.js";

function open(sheet) {
  by(sheet).showModal();
  deafen();
  return true;
}

function wire() {
  first.onSend(sendFirst);
  follow.onSend(sendFollowUp);
  keepDrafts();
  offer.onPick(sendPicked);
  for (const button of by("vote").children)
    button.addEventListener("click", () => vote(button.dataset.outcome));
  by("next").addEventListener("click", goOn);
  by("withdraw").addEventListener("click", withdraw);
  by("skip").addEventListener("click", skip);
  for (const button of document.querySelectorAll("[data-open]"))
    button.addEventListener("click", () => open(button.dataset.open));
  for (const sheet of document.querySelectorAll("dialog")) {
    sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
    sheet.addEventListener("close", deafen);
  }
  for (const link of document.querySelectorAll("[data-lang]"))
    link.addEventListener("click", (event) => {
      event.preventDefault();
      read(link.dataset.lang);
    });
  listen({ vote, skip, withdraw, next: goOn, open });
}

// The language changes in the middle of whatever the page does.
function read(lang) {
  if (lang === language()) return;
  switchLanguage(lang);
  offer.show();
  tellAgain();
  for (const box of [first, follow]) box.sayAgain();
  render();
  if (isStill()) panes.show(at.battle.battle_id, () => {}); // "(empty response)" is a sentence too
}

wire();
offer.show();
render();
panes.ready.then(render);
resume();
watchOver();
