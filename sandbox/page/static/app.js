// Starts the page and puts its parts together.

import * as server from "./api.js";
import { act } from "./acting.js";
import { drawBreaches } from "./breaches.js";
import { showCanvas } from "./canvas.js";
import { ago } from "./dates.js";
import { el, fill } from "./dom.js";
import { textOf } from "./message.js";
import { drawModals } from "./modals.js";
import { channelPane, threadPane } from "./panes.js";
import * as session from "./session.js";
import { drawSidebar } from "./sidebar.js";
import * as state from "./state.js";

const PERMALINK = /^https:\/\/sandbox\.slack\.com\/archives\/(\w+)\/p(\d{10})(\d{6})(?:\?thread_ts=(\d+\.\d+))?/;
const CANVAS = /^https:\/\/sandbox\.slack\.com\/docs\/\w+\/(\w+)$/;
const part = (id) => document.getElementById(id);
const columns = part("columns");

/** What a further part of the page is given. */
export const api = {
  on: server.on, // on("world", (value) => …): values that the server publishes; returns a function that ends it
  get: server.get, // await get("/page/…")
  post: server.post, // await post("/page/…", {…})
  act, // await act("command", { channel, command, text }): do something as the reader
  me: session.me, // the id of the person that the reader is
  show: (place) => { // show({ channel, thread }): open a channel, and a thread in it
    view("middle");
    session.go(place);
  },
  announce, // announce("…"): to a screen reader, politely
};

function announce(words) {
  part("announcer").append(el("p", {}, words));
  while (part("announcer").childElementCount > 5) part("announcer").firstChild.remove();
}

/** Which column a narrow screen shows: "left", "middle" or "right". */
function view(name) {
  columns.dataset.view = name;
  for (const button of document.querySelectorAll("#views button")) button.setAttribute("aria-pressed", String(isShown(button)));
}

/** Whether a button's view is shown; a thread counts as messages. */
function isShown({ dataset }) {
  const shown = columns.dataset.view === "right" && columns.dataset.right === "thread" ? "middle" : columns.dataset.view;
  return dataset.view === shown;
}

function right(name) {
  columns.dataset.right = name;
  for (const tab of part("right-tabs").children) {
    tab.setAttribute("aria-selected", String(tab.dataset.right === name));
    tab.tabIndex = tab.dataset.right === name ? 0 : -1;
  }
}

let panes = null;
let asked = false;

/** Draw, once, after all that changes now. */
function redraw() {
  if (asked || !panes) return;
  asked = true;
  queueMicrotask(() => {
    asked = false;
    drawSidebar(part("left"));
    arrangeRight(); // before what is in it, which is scrolled by its height
    panes.forEach((pane) => pane.draw());
    drawModals();
    drawBreaches(part("breaches"));
  });
}

function arrangeRight() {
  const world = !part("world").hidden;
  const thread = Boolean(session.place.thread);
  part("right").hidden = !world && !thread;
  part("right-tabs").hidden = !(world && thread);
  if (!thread && columns.dataset.right === "thread") {
    right("world");
    if (columns.dataset.view === "right") view("middle");
  }
}

function onPlace() {
  if (session.place.thread) {
    right("thread");
    view("right");
  } else if (columns.dataset.view === "left") view("middle");
  redraw();
}

function onChange(change) {
  const { kind, data, channel } = change;
  const isNew = kind.startsWith("message_") && !state.find(channel, change.ts); // what is told may be its first edit
  state.apply(change);
  const here = channel === session.currentChannel();
  if (live && here && isNew && data.user !== session.me()) announce(`${state.userOf(data.user).name}: ${textOf(data)}`);
  if (live && here && kind === "ephemeral_posted" && change.user === session.me()) announce(`Only visible to you: ${textOf(data)}`);
  if (live && kind === "breach") announce(`The bot broke one of Slack’s rules: ${data.message}`);
  if (live) redraw();
}

let live = false; // what was there before the page was opened has been heard

function listen() {
  server.on("change", onChange);
  server.on("live", () => {
    live = true;
    redraw();
  });
  server.on("connection", (now) => fill(part("connection"), now === "lost" && "Not connected to the sandbox; trying again …"));
  server.on("trouble", (words) => {
    fill(part("trouble"), words);
    setTimeout(() => part("trouble").textContent === words && fill(part("trouble")), 8000);
  });
  for (const topic of ["me", "read"]) server.on(topic, redraw);
  server.on("place", onPlace);
  setInterval(() => {
    for (const node of document.querySelectorAll("[data-ago]")) node.textContent = `Last reply ${ago(Number(node.dataset.ago))}`;
  }, 30_000);
  document.addEventListener("visibilitychange", redraw);
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  part("right-tabs").addEventListener("keydown", onTabKey);
}

/** Links to messages and names of channels lead there on this page. */
function onClick(event) {
  const found = event.target.closest?.("a[href], [data-channel], [data-view], [data-right]");
  if (!found) return;
  const message = found.href && PERMALINK.exec(found.href);
  const canvas = found.href && CANVAS.exec(found.href);
  if (canvas) {
    event.preventDefault();
    showCanvas(canvas[1]).catch((error) => announce(error.message));
  } else if (message) {
    event.preventDefault();
    session.go({ channel: message[1], thread: message[4] ?? `${message[2]}.${message[3]}` });
  } else if (found.dataset.channel) {
    session.go({ channel: found.dataset.channel });
    view("middle");
  } else if (found.matches("button")) {
    if (found.dataset.right) right(found.dataset.right);
    if (found.dataset.view) view(found.dataset.view);
  }
}

function onKey(event) {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open], :popover-open")) return;
  const isWriting = document.activeElement?.matches("textarea") && document.activeElement.value;
  if (session.place.thread && !isWriting && part("right").contains(document.activeElement)) {
    const ts = session.place.thread;
    session.go({ thread: null });
    setTimeout(() => document.querySelector(`#middle [data-ts="${CSS.escape(ts)}"]`)?.focus());
  }
}

/** The arrows move between the tabs of the right column. */
function onTabKey(event) {
  if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  right(columns.dataset.right === "world" ? "thread" : "world");
  part("right-tabs").querySelector("[aria-selected=true]").focus();
}

async function startParts(names) {
  if (names.length) document.head.append(el("link", { rel: "stylesheet", href: "/static/world.css" })); // of all parts
  for (const name of names) {
    part(name).hidden = false;
    const module = await import(`./${name}.js`);
    await module.start(part(name), api);
  }
  part("views").querySelector("[data-right]").hidden = !names.includes("world");
}

state.begin(await server.get("/page/workspace"));
listen();
session.enter();
panes = [channelPane(part("middle")), threadPane(part("thread"))];
server.listen();
await startParts(state.workspace.parts);
redraw();
view("middle");
