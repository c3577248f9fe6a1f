// One message: who, when, what, and what can be done with it.

import { act } from "./acting.js";
import { drawBlocks, picture } from "./blocks.js";
import { context } from "./context.js";
import { ago, clockTime, fullTime } from "./dates.js";
import { el, link } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { mrkdwn, wordsOf } from "./mrkdwn.js";
import { addReaction, openPicker, reactions } from "./reactions.js";
import { repliesTo, userOf, workspace } from "./state.js";
import { go } from "./session.js";

const dismissed = new Set(); // ts of ephemeral messages that the reader put away

export const isDismissed = (message) => dismissed.has(message.ts);

/** `compact`: the message above is by the same person; `inThread`: no thread footer. */
export function drawMessage(message, { compact = false, inThread = false, redraw = () => {} } = {}) {
  const author = userOf(message.user);
  const at = Number(message.ts);
  const time = el("time", { datetime: new Date(at * 1000).toISOString(), title: fullTime(at) }, clockTime(at));
  const gone = message.subtype === "tombstone";
  return el("article", {
    class: ["message", compact && "compact", message.is_ephemeral && "ephemeral", gone && "gone"].filter(Boolean).join(" "),
    "data-ts": message.ts, tabindex: -1, "aria-label": `${author.name}, ${clockTime(at)}`,
  },
    compact ? el("div", { class: "aside" }, time) : avatar(author),
    el("div", { class: "body" },
      message.is_ephemeral && onlyYou(message, redraw),
      !compact && el("header", {}, el("b", {}, author.real_name), author.bot && el("span", { class: "app" }, "APP"), time,
        Boolean(message.blocks?.length) && edited(message)),
      gone ? el("p", { class: "hint" }, message.text) : content(message),
      reactions(message),
      !inThread && footer(message)),
    !gone && toolbar(message, inThread));
}

/** A square with initials; the bot's has its own sign. */
export function avatar(user, small = false) {
  const initials = user.real_name.split(/\s+/).map((part) => part[0]).slice(0, 2).join("").toUpperCase();
  const hue = [...user.id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 6, 7);
  return el("div", { class: `avatar hue-${user.bot ? "bot" : hue}${small ? " small" : ""}`, "aria-hidden": "true" },
    user.bot ? el("img", { src: "/static/icon.svg", alt: "" }) : initials);
}

function onlyYou(message, redraw) {
  const dismiss = el("button", { type: "button", class: "as-link" }, "Dismiss");
  dismiss.addEventListener("click", () => {
    dismissed.add(message.ts);
    redraw();
  });
  return el("div", { class: "only-you" }, icon("eye"), "Only visible to you", " · ", dismiss);
}

function content(message) {
  const ctx = context(message.ts);
  const streaming = message.streaming_state === "in_progress";
  const words = message.blocks?.length ? drawBlocks(message.blocks, ctx)
    : message.text ? [el("div", { class: "text" }, ...mrkdwn(message.text))] : [];
  return el("div", { class: streaming ? "content streaming" : "content" },
    words.length || !streaming ? words : el("p", { class: "hint" }, "is writing …"),
    !message.blocks?.length && edited(message),
    (message.attachments ?? []).map((attachment) => drawAttachment(attachment, ctx)),
    (message.files ?? []).map(drawFile),
    streaming && el("button", {
      type: "button", class: "button stop", "data-key": "stop", onclick: () => act("stop", { ts: message.ts }),
    }, icon("stop"), "Stop"));
}

/** Said after the words, or, where blocks have no end that a word could follow, beside the time. */
function edited(message) {
  if (!message.edited || message.streaming_state === "in_progress") return null;
  return el("span", { class: "edited", title: fullTime(Number(message.edited.ts)) }, "(edited)");
}

function drawAttachment(attachment, ctx) {
  const bar = el("div", { class: "attachment" },
    attachment.pretext && el("div", { class: "text" }, ...mrkdwn(attachment.pretext)),
    attachment.author_name && el("div", { class: "hint" }, attachment.author_name),
    attachment.title && el("div", { class: "title" }, attachment.title_link ? link(attachment.title_link, wordsOf(attachment.title)) : wordsOf(attachment.title)),
    attachment.blocks ? drawBlocks(attachment.blocks, ctx)
      : (attachment.text ?? attachment.fallback) && el("div", { class: "text" }, ...mrkdwn(attachment.text ?? attachment.fallback)),
    attachment.fields && el("dl", { class: "fields" }, attachment.fields.map((field) => el("div", {}, el("dt", {}, wordsOf(field.title)), el("dd", {}, ...mrkdwn(field.value ?? ""))))),
    attachment.image_url && picture({ image_url: attachment.image_url, alt_text: wordsOf(attachment.fallback ?? "Picture") }),
    attachment.footer && el("div", { class: "hint" }, wordsOf(attachment.footer)));
  const colour = { good: "#2f9e6e", warning: "#d9982b", danger: "#c2203f" }[attachment.color] ?? attachment.color;
  if (/^#?[0-9a-f]{6}$|^#/i.test(colour ?? "")) bar.style.borderLeftColor = colour.startsWith("#") ? colour : `#${colour}`;
  return bar;
}

function drawFile(file) {
  const name = file.title || file.name;
  if (!/^image\//.test(file.mimetype ?? "")) {
    return el("div", { class: "fileline" }, icon("file"), link(file.url_private, name), el("small", {}, ` ${Math.ceil((file.size ?? 0) / 1024)} KB`));
  }
  return el("figure", { class: "block image" }, el("figcaption", {}, name), picture({ image_url: file.url_private, alt_text: file.alt_txt || name }));
}

function footer(message) {
  const replies = repliesTo(message.channel, message.ts);
  if (!replies.length) return null;
  const authors = [...new Set(replies.map((reply) => reply.user))].slice(0, 4);
  const count = replies.length === 1 ? "1 reply" : `${replies.length} replies`;
  const last = Number(replies.at(-1).ts);
  const node = el("button", { type: "button", class: "footer", "data-key": "thread" },
    authors.map((id) => avatar(userOf(id), true)), el("b", {}, count),
    el("span", { class: "last", "data-ago": last }, `Last reply ${ago(last)}`));
  node.addEventListener("click", () => go({ channel: message.channel, thread: message.ts }));
  return node;
}

function toolbar(message, inThread) {
  if (message.is_ephemeral) return null;
  const more = el("button", { type: "button", class: "quiet", "aria-haspopup": "menu", "aria-label": "More actions", title: "More actions", "data-key": "more" }, icon("more"));
  const reply = !inThread && el("button", { type: "button", class: "quiet", "aria-label": "Reply in thread", title: "Reply in thread", "data-key": "reply" }, icon("reply"));
  const open = () => go({ channel: message.channel, thread: message.thread_ts ?? message.ts });
  if (reply) reply.addEventListener("click", open);
  more.addEventListener("click", () => openMenu(more, [
    ...workspace.shortcuts.map(({ id, name }) => ({ label: name, note: "SRE bot", run: () => act("shortcut", { callback_id: id, ts: message.ts }) })),
    { label: "Add a reaction", run: () => openPicker(more, message) },
    ...(inThread ? [] : [{ label: "Reply in thread", run: open }]),
    { label: "Copy text", run: () => navigator.clipboard?.writeText(textOf(message)) },
  ], { label: "Message actions" }));
  return el("div", { class: "toolbar", role: "group", "aria-label": "Actions on this message" }, addReaction(message), reply, more);
}

/** A message in words: for a screen reader, or to copy. */
export function textOf(message) {
  if (message.text) return wordsOf(message.text);
  return drawBlocks(message.blocks, context(message.ts)).map((node) => node.textContent).join(" ").trim();
}

/** Whether a message continues the one above it. */
export function continues(above, message) {
  const sameKind = above && !above.is_ephemeral === !message.is_ephemeral && !above.subtype && !message.subtype;
  return Boolean(sameKind && above.user === message.user && Number(message.ts) - Number(above.ts) < 300
    && !repliesTo(above.channel, above.ts).length && !message.blocks?.length && !above.blocks?.length);
}
