// Slack's text markup as nodes. Entities are decoded once, in the leaves, after the markup was found.

import { slackDate, fullTime } from "./dates.js";
import { el, link } from "./dom.js";
import { emojiFor, withEmoji } from "./emoji.js";
import { nameOf, workspace } from "./state.js";

const INLINE = new RegExp([
  "`([^`\\n]+)`", // 1: code
  "<([^<>\\n]+)>", // 2: link, mention, date
  ":([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):", // 3: emoji
  "(?<![\\w*_~`])([*_~])(?=\\S)((?:`[^`\\n]+`|<[^<>\\n]+>|[^\\n`<]){1,2000}?)(?<=\\S)\\4(?![\\w*_~])", // 4, 5: emphasis
].join("|"), "g");
const EMPHASIS = { "*": "strong", _: "em", "~": "s" };

/** A mrkdwn text as nodes: blocks of code, quotes and lines. */
export function mrkdwn(text) {
  return text.split(/```/).flatMap((part, index, parts) => {
    const isCode = index % 2 === 1 && index < parts.length - 1;
    if (isCode) return [el("pre", {}, decode(part.replace(/^\n|\n$/g, "")))];
    if (index % 2 === 1) part = `\`\`\`${part}`;
    return quotesAndLines(index > 0 ? part.replace(/^\n/, "") : part);
  });
}

/** A text object of Block Kit as nodes. */
export function textObject(text) {
  return text.type === "mrkdwn" ? mrkdwn(text.text) : [plainText(text)];
}

/** A plain_text object as a string. */
export function plainText(text) {
  return decode(text.emoji === false ? text.text : withEmoji(text.text));
}

/** mrkdwn as a string without markup: for a screen reader, a notification, a label. */
export function wordsOf(text) {
  const box = el("div", {}, ...mrkdwn(text ?? ""));
  return box.textContent.replace(/\s+/g, " ").trim();
}

export function decode(text) {
  return text.replace(/&(lt|gt|amp);/g, (_whole, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);
}

function quotesAndLines(text) {
  const nodes = [];
  let plain = [];
  let quoted = [];
  const flush = () => {
    if (plain.length) nodes.push(...lines(plain));
    if (quoted.length) nodes.push(el("blockquote", {}, ...lines(quoted)));
    plain = [];
    quoted = [];
  };
  const all = text.split("\n");
  for (const [index, line] of all.entries()) {
    if (/^(&gt;){3}/.test(line)) {
      flush();
      quoted = [line.replace(/^(&gt;){3} ?/, ""), ...all.slice(index + 1)];
      break;
    }
    const isQuote = /^(&gt;|>)/.test(line);
    if (isQuote ? plain.length : quoted.length) flush();
    (isQuote ? quoted : plain).push(isQuote ? line.replace(/^(&gt;|>) ?/, "") : line);
  }
  flush();
  return nodes;
}

function lines(all) {
  if (all.every((line) => line === "")) return [];
  return all.flatMap((line, index) => (index ? [el("br"), ...inline(line)] : inline(line)));
}

function inline(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    const node = span(match);
    if (node === null) continue;
    if (match.index > from) nodes.push(decode(text.slice(from, match.index)));
    nodes.push(node);
    from = match.index + match[0].length;
  }
  if (from < text.length) nodes.push(decode(text.slice(from)));
  return nodes;
}

function span([, code, inTag, emoji, mark, emphasised]) {
  if (code) return el("code", {}, decode(code));
  if (inTag) return tag(inTag);
  if (emoji) return emojiNode(emoji);
  return el(EMPHASIS[mark], {}, ...inline(emphasised));
}

/** The element for a short name; null when there is no such emoji. */
export function emojiNode(name) {
  const character = emojiFor(name);
  return character && el("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " ") }, character);
}

/** What stands in angle brackets: `@U1`, `#C1|sre`, `!date^…|fallback`, `https://…|label`. */
export function tag(content) {
  const bar = content.indexOf("|");
  const target = bar < 0 ? content : content.slice(0, bar);
  const label = bar < 0 ? "" : decode(content.slice(bar + 1));
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return channelMention(target.slice(1));
  if (target.startsWith("!subteam^")) return mention(target.split("^")[1]);
  if (target.startsWith("!date^")) return dateOf(target.split("^"), label);
  if (target.startsWith("!")) return el("span", { class: "mention" }, `@${target.slice(1)}`);
  const url = decode(target);
  return link(url, ...(label ? [withEmoji(label)] : []));
}

/** A person or group by id; marked when it is the reader (`body` carries the reader's ids). */
export function mention(id) {
  const group = workspace.groups[id];
  const mine = document.body.dataset.me === id || group?.users.includes(document.body.dataset.me);
  return el("span", { class: mine ? "mention mine" : "mention" }, nameOf(id));
}

export function channelMention(id) {
  return el("button", { type: "button", class: "mention", "data-channel": id }, nameOf(id));
}

/** A moment as the reader's clock has it. */
export function moment(seconds, pattern, url) {
  const time = el("time", { datetime: new Date(seconds * 1000).toISOString(), title: fullTime(seconds) },
    slackDate(seconds, pattern));
  return url ? link(url, time) : time;
}

function dateOf([, seconds, pattern, url], fallback) {
  return /^\d{1,11}$/.test(seconds ?? "") && pattern
    ? moment(Number(seconds), decode(pattern), url && decode(url))
    : document.createTextNode(fallback);
}
