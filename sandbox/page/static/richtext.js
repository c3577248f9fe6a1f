// rich_text blocks as nodes. What is text here is text: nothing in it is markup or an entity.

import { el, link } from "./dom.js";
import { channelMention, emojiNode, mention, moment } from "./mrkdwn.js";

const STYLES = { code: "code", strike: "s", italic: "em", bold: "strong", underline: "u", highlight: "mark" };

/** The parts of a rich_text block. Lists that follow each other and differ in depth go on counting. */
export function richText(block) {
  const counted = new Map(); // depth: how many items an ordered list of that depth has had
  return block.elements.map((part) => {
    if (part.type !== "rich_text_list") counted.clear();
    return drawPart(part, counted);
  });
}

function drawPart(part, counted) {
  switch (part.type) {
    case "rich_text_section": return el("div", { class: "line" }, ...spans(part.elements));
    case "rich_text_quote": return el("blockquote", {}, ...spans(part.elements));
    case "rich_text_preformatted": return el("pre", {}, part.elements.map(wordsIn).join(""));
    case "rich_text_list": return list(part, counted);
    default: return null;
  }
}

function list(part, counted) {
  const depth = part.indent ?? 0;
  const ordered = part.style === "ordered";
  const before = counted.get(depth) ?? part.offset ?? 0;
  counted.set(depth, before + part.elements.length);
  for (const deeper of [...counted.keys()].filter((key) => key > depth)) counted.delete(deeper);
  const marks = ordered ? ["decimal", "lower-alpha", "lower-roman"] : ["disc", "circle", "square"];
  const items = part.elements.map((item) => el("li", {}, ...spans(item.elements)));
  const element = el(ordered ? "ol" : "ul", { class: `depth-${Math.min(depth, 8)}`, start: ordered ? before + 1 : null }, ...items);
  element.style.listStyleType = marks[depth % 3];
  return element;
}

function spans(elements) {
  return elements.map((element) => styled(spanOf(element), element.style ?? {}));
}

function spanOf(element) {
  switch (element.type) {
    case "text": return document.createTextNode(element.text);
    case "link": return link(element.url, element.text || element.url);
    case "user": return mention(element.user_id);
    case "usergroup": return mention(element.usergroup_id);
    case "channel": return channelMention(element.channel_id);
    case "broadcast": return el("span", { class: "mention" }, `@${element.range}`);
    case "emoji": return emojiNode(element.name) ?? document.createTextNode(`:${element.name}:`);
    case "date": return moment(element.timestamp, element.format, element.url);
    case "color": return swatch(element.value);
    default: return document.createTextNode(wordsIn(element));
  }
}

function styled(node, style) {
  return Object.entries(STYLES).reduce((inner, [name, tag]) => (style[name] ? el(tag, {}, inner) : inner), node);
}

function wordsIn(element) {
  return element.text ?? element.url ?? element.value ?? element.fallback ?? "";
}

function swatch(value) {
  const dot = el("span", { class: "swatch" });
  if (/^#[0-9a-f]{3,8}$/i.test(value)) dot.style.backgroundColor = value;
  return el("span", {}, dot, value);
}
