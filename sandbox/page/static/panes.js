// The two places where messages are read: a channel in the middle, a thread on the right.

import { act } from "./acting.js";
import { composer } from "./composer.js";
import { el, fill } from "./dom.js";
import { drawHome } from "./home.js";
import { icon } from "./icons.js";
import { showMessages } from "./listing.js";
import { bot, find, nameOf, repliesTo, session, thread, timeline, userOf, workspace } from "./state.js";
import { address, currentChannel, go, lastRead, markRead, me, place } from "./session.js";

const NEAR_PX = 80;

/** A list that stays at its end while one reads there, and says when there is more below. */
function scroller(label) {
  const list = el("ol", { class: "messages" });
  const notice = el("button", { type: "button", class: "more-below", hidden: true }, "Newer messages", icon("down"));
  const box = el("div", { class: "scroll", tabindex: 0, role: "log", "aria-label": label, "aria-live": "off" });
  const wrapper = el("div", { class: "scroller" }, box, notice);
  const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
  let stuck = true;
  const toEnd = () => {
    box.scrollTop = box.scrollHeight;
    notice.hidden = true;
  };
  box.addEventListener("scroll", () => {
    stuck = atEnd();
    if (stuck) notice.hidden = true;
  });
  new ResizeObserver(() => stuck && toEnd()).observe(list);
  notice.addEventListener("click", toEnd);
  const hold = (draw) => {
    const height = box.scrollHeight;
    draw();
    if (stuck) toEnd();
    else if (box.scrollHeight > height) notice.hidden = false;
  };
  const go = (end) => {
    box.scrollTop = end ? box.scrollHeight : 0;
    stuck = end || atEnd();
    notice.hidden = stuck;
  };
  return { wrapper, box, list, hold, go, isAtEnd: () => stuck };
}

/** The channel, direct messages or the app's Home. Returns the function that draws it. */
export function channelPane(root) {
  const { wrapper, box, list, hold, go: scrollTo, isAtEnd } = scroller("Messages");
  const head = el("header", { class: "pane-head" });
  const intro = el("div", { class: "intro" });
  const status = el("p", { class: "status" });
  const home = el("div", { class: "home scroll", tabindex: 0, role: "tabpanel", "aria-label": "Home" });
  const writing = composer(() => ({ key: `${me()} ${currentChannel() ?? place.with}`, thread: null, hint: hintHere() }), () => scrollTo(true));
  const closed = el("p", { class: "closed" });
  box.append(intro, list, status);
  fill(root, head, home, wrapper, writing.box, closed);
  let shown = null;
  let newFrom = null;
  let entered = null; // whose tab of the app, which it was told

  const draw = () => {
    const channel = currentChannel();
    const now = `${me()} ${channel ?? place.with}`;
    const moved = now !== shown;
    if (moved) newFrom = channel ? lastRead(channel) : null;
    shown = now;
    const app = workspace.home && !place.channel && place.with === bot()?.id && `${me()} ${place.tab}`;
    if (app && app !== entered) act("home", { tab: place.tab });
    entered = app;
    drawHead(head, channel);
    const atHome = app && place.tab === "home";
    home.hidden = !atHome;
    closed.hidden = atHome;
    wrapper.hidden = writing.box.hidden = atHome;
    if (atHome) return drawHome(home);
    const messages = channel ? timeline(channel, me()) : [];
    const firstNew = newFrom > "0" ? messages.findIndex((m) => m.ts > newFrom && m.user !== me() && !m.is_ephemeral) : -1;
    hold(() => {
      drawIntro(intro, channel, messages.length);
      showMessages(list, messages, { lead: (i) => (i === firstNew && i > 0 ? ["new", "New", "new"] : null), redraw: draw });
      drawStatus(status, channel, "");
    });
    writing.settle();
    fill(closed, whyClosed(channel));
    writing.box.hidden = Boolean(closed.textContent);
    if (moved) scrollTo(true);
    if (channel && isAtEnd() && document.visibilityState === "visible") markRead(channel);
  };
  box.addEventListener("scroll", () => currentChannel() && isAtEnd() && markRead(currentChannel()));
  return { draw, field: writing.field };
}

/** Why one cannot write here; null when one can. */
function whyClosed(channel) {
  const known = workspace.channels[channel];
  if (known?.archived) return "This channel is archived: it can be read, and nothing more is written to it.";
  return known && !known.members.includes(me()) ? `${userOf(me()).name} is not in this channel, and so can only read it.` : null;
}

function hintHere() {
  const channel = workspace.channels[currentChannel()];
  return channel && channel.kind !== "im" ? `Message ${nameOf(channel.id)}, or type / for commands` : `Message ${userOf(place.with).real_name}`;
}

function drawHead(head, channel) {
  const known = workspace.channels[channel];
  const back = el("button", { type: "button", class: "quiet back", "aria-label": "Back to the channels", "data-view": "left" }, icon("back"));
  if (!known || known.kind === "im") {
    const other = userOf(place.with ?? known.members.find((id) => id !== me()));
    const tabs = other.bot && workspace.home && el("div", { class: "tabs", role: "tablist", "aria-label": "SRE bot" }, ["messages", "home"].map((name) => el("button", {
      type: "button", role: "tab", "aria-selected": String(place.tab === name), tabindex: place.tab === name ? 0 : -1, onclick: () => openTab(name),
      onkeydown: (event) => ["ArrowLeft", "ArrowRight"].includes(event.key) && openTab(place.tab === "home" ? "messages" : "home", true),
    }, name === "home" ? "Home" : "Messages")));
    return fill(head, back, el("h2", {}, other.real_name), other.bot ? el("span", { class: "app" }, "APP") : el("span", { class: "topic" }, other.title), tabs);
  }
  return fill(head, back, el("h2", {}, el("span", { class: "hash", "aria-hidden": "true" }, "#"), known.name, known.archived && " (archived)"),
    el("span", { class: "topic" }, known.topic), el("span", { class: "count", title: known.members.map((id) => userOf(id).name).join(", ") }, `${known.members.length} members`));
}

function openTab(name, focus = false) {
  go({ tab: name });
  if (focus) document.querySelector("#middle [role=tab][aria-selected=true]")?.focus();
}

function drawIntro(intro, channel, count) {
  const known = workspace.channels[channel];
  if (known && known.kind !== "im") {
    const words = known.members.includes(bot()?.id)
      ? "Type /sre status to see where things stand, or ask @sre a question."
      : "The bot is not in this channel, so it does not hear what is said here.";
    return fill(intro, el("h3", {}, `This is the beginning of ${nameOf(channel)}`), !count && el("p", {}, `Nothing has been said yet. ${words}`));
  }
  const other = userOf(place.with);
  const prompts = session(channel, "").prompts ?? (other.bot && !count ? workspace.prompts : []);
  return fill(intro, el("h3", {}, `These are your direct messages with ${other.real_name}`),
    !count && el("p", {}, other.bot ? "Ask it what is open, or what is wrong; only you and the bot see this." : "Nothing has been said yet."),
    prompts.length > 0 && el("div", { class: "block actions" }, prompts.map((prompt) => el("button", { type: "button", class: "button", onclick: () => act("say", { channel: address(), text: prompt.message }) }, prompt.title))));
}

function drawStatus(status, channel, ts) {
  const words = channel && session(channel, ts).status;
  status.hidden = !words;
  fill(status, words && `${bot().name} ${words}`);
}

/** The open thread. Returns the function that draws it. */
export function threadPane(root) {
  const { wrapper, box, list, hold, go: scrollTo } = scroller("Thread");
  const where = el("span", { class: "topic" });
  const close = el("button", { type: "button", class: "quiet", "aria-label": "Close the thread", title: "Close (Esc)", onclick: () => go({ thread: null }) }, icon("close"));
  const back = el("button", { type: "button", class: "quiet back", "aria-label": "Back to the channel", onclick: () => go({ thread: null }) }, icon("back"));
  const status = el("p", { class: "status" });
  const writing = composer(() => ({ key: `${me()} ${place.thread}`, thread: place.thread, hint: "Reply …" }), () => scrollTo(true));
  box.append(list, status);
  fill(root, el("header", { class: "pane-head" }, back, el("h2", {}, "Thread"), where, close), wrapper, writing.box);
  const opened = new Set();
  let shown = null;

  const draw = () => {
    const channel = currentChannel();
    root.hidden = !place.thread;
    if (!place.thread || !channel) return;
    const moved = `${me()} ${place.thread}` !== shown;
    shown = `${me()} ${place.thread}`;
    fill(where, workspace.channels[channel].kind === "im" ? userOf(place.with).real_name : nameOf(channel));
    const messages = thread(channel, place.thread, me());
    const replies = repliesTo(channel, place.thread).length;
    const count = replies === 1 ? "1 reply" : `${replies} replies`;
    hold(() => {
      showMessages(list, messages, { inThread: true, redraw: draw, lead: (i, m) => (i > 0 && m === messages[1] && replies ? ["replies", count, "day"] : null) });
      drawStatus(status, channel, place.thread);
      if (!find(channel, place.thread)) fill(status, "This message is not there any more.").hidden = false;
    });
    writing.settle();
    if (moved) scrollTo(opened.has(shown)); // the first time it is read from its beginning
    opened.add(shown);
  };
  return { draw, field: writing.field };
}
