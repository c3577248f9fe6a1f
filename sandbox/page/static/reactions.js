// Reactions below a message, and the panel to add one.

import { act } from "./acting.js";
import { el, fill } from "./dom.js";
import { emojiFor, emojiLike } from "./emoji.js";
import { icon } from "./icons.js";
import { openPopover } from "./menu.js";
import { userOf } from "./state.js";
import { me } from "./session.js";

const COMMON = ["eyes", "white_check_mark", "+1", "-1", "raised_hands", "tada", "fire", "rotating_light", "thinking_face", "heart", "rocket", "mag"];

export function reactions(message) {
  if (!message.reactions?.length) return null;
  return el("div", { class: "reactions" }, message.reactions.map((reaction) => {
    const mine = reaction.users.includes(me());
    const names = reaction.users.map((id) => userOf(id).name).join(", ");
    return el("button", {
      type: "button", class: "reaction", "aria-pressed": String(mine), title: `${names} reacted with :${reaction.name}:`,
      "aria-label": `${reaction.name.replaceAll("_", " ")}, ${reaction.count}, by ${names}`, "data-key": `reaction ${reaction.name}`,
      onclick: () => act(mine ? "unreact" : "react", { ts: message.ts, name: reaction.name }),
    }, el("span", { class: "emoji" }, emojiFor(reaction.name) ?? reaction.name), String(reaction.count));
  }), addReaction(message, "reaction"));
}

/** A button that opens the panel. */
export function addReaction(message, look = "quiet") {
  const button = el("button", { type: "button", class: look, "aria-haspopup": "dialog", "aria-label": "Add a reaction", title: "Add a reaction", "data-key": `react ${look}` }, icon("smile"));
  button.addEventListener("click", () => openPicker(button, message));
  return button;
}

export function openPicker(button, message) {
  const grid = el("div", { class: "grid" });
  const field = el("input", { class: "field", type: "text", placeholder: "Search emoji by name", "aria-label": "Search emoji by name", autocomplete: "off" });
  const panel = el("div", { class: "picker", role: "dialog", "aria-label": "Add a reaction" }, field, grid);
  const show = (names) => fill(grid, names.length ? names.map((name) => el("button", {
    type: "button", class: "quiet emoji", "aria-label": name.replaceAll("_", " "), title: name,
    onclick: () => {
      close();
      act("react", { ts: message.ts, name });
    },
  }, emojiFor(name))) : el("p", { class: "empty" }, "No emoji has this name."));
  show(COMMON);
  field.addEventListener("input", () => {
    const letters = field.value.trim().toLowerCase().replaceAll(" ", "_").replaceAll(":", "");
    show(letters ? emojiLike(letters, 24) : COMMON);
  });
  field.addEventListener("keydown", (event) => event.key === "Enter" && grid.querySelector("button")?.click());
  const close = openPopover(button, panel);
  field.focus();
}
