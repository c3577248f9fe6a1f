// The panel that says when the bot broke one of Slack's rules, and which.

import { clockTime } from "./dates.js";
import { el, fill } from "./dom.js";
import { icon } from "./icons.js";
import { openPopover } from "./menu.js";
import { breaches } from "./state.js";

let seen = -1;

export function drawBreaches(root) {
  if (seen === breaches.length) return;
  seen = breaches.length;
  const words = seen === 0 ? "Keeps Slack’s rules" : seen === 1 ? "Broke 1 of Slack’s rules" : `Broke Slack’s rules ${seen} times`;
  const button = el("button", { type: "button", class: seen ? "rules broken" : "rules", "aria-haspopup": "dialog" },
    icon(seen ? "warning" : "check"), el("span", {}, words));
  button.addEventListener("click", () => openPopover(button, panel()));
  fill(root, button);
}

function panel() {
  const list = breaches.length
    ? el("ol", {}, breaches.toReversed().map((breach) => el("li", {},
      el("div", {}, el("code", {}, breach.rule), el("small", {}, ` in ${breach.where}, ${clockTime(breach.at)}`)), el("p", {}, breach.message))))
    : el("p", { class: "hint" }, "The sandbox holds the bot to Slack’s limits: sizes of messages, rates, three seconds to acknowledge. It has kept them all so far.");
  return el("div", { class: "rules-panel", role: "dialog", "aria-label": "Slack’s rules", tabindex: -1 }, el("h2", {}, "Slack’s rules"), list);
}
