// The left column: who you are, channels, direct messages, the app.

import { avatar } from "./message.js";
import { el, fill } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { bot, directMessages, userOf, workspace } from "./state.js";
import { become, currentChannel, go, me, place, unread } from "./session.js";

let drawn = ""; // what the column showed last: while that stays, so do its elements, and a menu that hangs on one

export function drawSidebar(root) {
  const marks = Object.keys(workspace.channels).map((channel) => Object.values(unread(channel)));
  const now = JSON.stringify([me(), place.channel, place.with, Object.values(workspace.channels), marks]);
  if (now === drawn) return;
  drawn = now;
  const focused = document.activeElement?.closest("#left [data-key]")?.dataset.key;
  const channels = Object.values(workspace.channels).filter((c) => c.kind !== "im" && (c.kind === "channel" || c.members.includes(me())));
  const others = workspace.people.filter((id) => id !== me());
  fill(root, identity(),
    group("Channels", channels.filter((c) => !c.archived).map((channel) => entry({
      key: channel.id, mark: "#", words: channel.name, here: place.channel === channel.id, channel: channel.id, run: () => go({ channel: channel.id }),
    }))),
    group("Direct messages", others.map((id) => direct(id))),
    group("Apps", [direct(bot().id)]));
  if (focused) root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function identity() {
  const user = userOf(me());
  const node = el("button", { type: "button", class: "identity", "aria-haspopup": "menu", "data-key": "identity" },
    avatar(user), el("span", { class: "words" }, el("small", {}, "You are"), el("b", {}, user.real_name), el("small", { class: "role" }, user.role)), icon("down"));
  node.addEventListener("click", () => openMenu(node, workspace.people.map(userOf).map((person) => ({
    label: `${person.real_name}${person.id === me() ? " (you)" : ""}`, note: `${person.role}. ${person.may}`, run: () => become(person.id),
  })), { label: "Be somebody else" }));
  return el("div", { class: "you" }, node, el("p", { class: "may" }, user.may));
}

function group(title, entries) {
  return el("section", { "aria-label": title }, el("h2", {}, title), el("ul", {}, entries));
}

function direct(id) {
  const user = userOf(id);
  const channel = directMessages(me(), id)?.id;
  return entry({
    key: id, mark: avatar(user, true), words: user.bot ? user.name : user.real_name, here: !place.channel && place.with === id, channel,
    note: user.bot && "APP", run: () => go({ with: id }),
  });
}

function entry({ key, mark, words, here, channel, note, run }) {
  const { any, calls } = channel && channel !== (here && currentChannel()) ? unread(channel) : { any: false, calls: 0 };
  const told = calls ? `${calls} for you` : any ? "unread" : "";
  return el("li", {}, el("button", {
    type: "button", class: any || calls ? "entry unread" : "entry", "aria-current": here ? "page" : null, "data-key": key, onclick: run,
  }, el("span", { class: "sign", "aria-hidden": "true" }, mark), el("span", { class: "name" }, words), note && el("span", { class: "app" }, note),
    calls > 0 && el("span", { class: "badge", "aria-hidden": "true" }, String(calls)), told && el("span", { class: "unseen" }, told)));
}
