// A markdown block as nodes: CommonMark's common part, with tables and task lists.

import { el, link } from "./dom.js";
import { decode, emojiNode, tag } from "./mrkdwn.js";

const INLINE = new RegExp([
  "(`+)([^`]|[^`][\\s\\S]{0,2000}?[^`])\\1(?!`)", // 1, 2: code
  "!?\\[((?:[^\\[\\]\\n]|\\[[^\\[\\]\\n]*\\]){0,1000})\\]\\(\\s*<?([^\\s()<>]+(?:\\([^\\s()<>]*\\)[^\\s()<>]*)*)>?[^)\\n]{0,200}\\)", // 3, 4: link
  "<((?:https?:|mailto:|[@#!])[^<>\\s]+)>", // 5: address, mention
  "(https?:\\/\\/[^\\s<>\"`]+[^\\s<>\"`.,:;!?)\\]'])", // 6: bare address
  ":([a-z0-9_+'-]+):", // 7: emoji
  "\\\\([!-/:-@\\[-`{-~])", // 8: escaped sign
  "(\\*\\*|__|~~)(?=\\S)([^\\n]{1,2000}?)(?<=\\S)\\9", // 9, 10: strong, struck
  "(?<![\\w*])([*_])(?=[^\\s*_])([^\\n]{1,2000}?)(?<=[^\\s*_])\\11(?![\\w*])", // 11, 12: emphasis
].join("|"), "g");
const ITEM = /^(\s*)(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const FENCE = /^ {0,3}(```+|~~~+)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const TABLE_LINE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** The text as nodes. */
export function markdown(text) {
  const rest = text.replace(/\r\n?/g, "\n").split("\n");
  const nodes = [];
  while (rest.length) {
    const node = block(rest);
    if (node) nodes.push(node);
  }
  return nodes;
}

/** Take one block off the front of the lines. */
function block(rest) {
  const line = rest[0];
  const heading = line.match(HEADING);
  if (!line.trim()) return void rest.shift();
  if (FENCE.test(line)) return fenced(rest);
  if (heading) return rest.shift(), el("div", { role: "heading", "aria-level": Math.max(3, heading[1].length), class: `h${heading[1].length}` }, ...inline(heading[2]));
  if (RULE.test(line)) return rest.shift(), el("hr");
  if (/^\s*>/.test(line)) return el("blockquote", {}, ...markdown(taken(rest, /^\s*>/).map((l) => l.replace(/^\s*> ?/, "")).join("\n")));
  if (ITEM.test(line)) return list(rest, line.match(ITEM)[1].length);
  if (line.includes("|") && TABLE_LINE.test(rest[1] ?? "") && rest[1].includes("-")) return table(rest);
  return paragraph(rest);
}

function fenced(rest) {
  const [, mark] = rest.shift().match(FENCE);
  const end = rest.findIndex((line) => line.trim().startsWith(mark));
  const code = rest.splice(0, end < 0 ? rest.length : end);
  rest.shift();
  return el("pre", {}, code.join("\n"));
}

function list(rest, indent) {
  const ordered = Boolean(rest[0].match(ITEM)[3]);
  const items = el(ordered ? "ol" : "ul", { start: ordered ? rest[0].match(ITEM)[3] : null });
  while (rest.length) {
    const match = rest[0].match(ITEM);
    if (match && match[1].length < indent) break;
    if (match && match[1].length > indent + 1) {
      (items.lastChild ?? items).append(list(rest, match[1].length));
    } else if (match && Boolean(match[3]) === ordered) {
      rest.shift();
      items.append(item(match[4]));
    } else if (!match && /^\s{2,}\S/.test(rest[0]) && items.lastChild) {
      items.lastChild.append(" ", ...inline(rest.shift().trim()));
    } else break;
  }
  return items;
}

function item(text) {
  const task = text.match(/^\[([ xX])\]\s+(.*)$/);
  if (!task) return el("li", {}, ...inline(text));
  const done = task[1] !== " ";
  return el("li", { class: "task" }, el("span", { role: "img", "aria-label": done ? "done" : "open" }, done ? "☑ " : "☐ "), ...inline(task[2]));
}

function table(rest) {
  const head = cells(rest.shift());
  const sides = cells(rest.shift()).map((c) => (c.endsWith(":") ? (c.startsWith(":") ? "center" : "right") : null));
  const rows = [];
  while (rest.length && rest[0].includes("|")) rows.push(cells(rest.shift()));
  const row = (values, name) => el("tr", {}, ...head.map((_h, i) => el(name, { class: sides[i] }, ...inline(values[i] ?? ""))));
  return el("div", { class: "table", tabindex: 0, role: "group", "aria-label": "Table" },
    el("table", {}, el("thead", {}, row(head, "th")), el("tbody", {}, ...rows.map((values) => row(values, "td")))));
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function paragraph(rest) {
  const taken = [rest.shift()];
  const starts = (line) => FENCE.test(line) || HEADING.test(line) || RULE.test(line) || ITEM.test(line) || /^\s*>/.test(line);
  while (rest.length && rest[0].trim() && !starts(rest[0])) taken.push(rest.shift());
  return el("p", {}, ...taken.flatMap((line, i) => (i ? [el("br"), ...inline(line.trimEnd())] : inline(line.trimEnd()))));
}

function taken(rest, pattern) {
  const end = rest.findIndex((line) => !pattern.test(line));
  return rest.splice(0, end < 0 ? rest.length : end);
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

function span([, ticks, code, label, url, inTag, bare, emoji, sign, strong, strongText, , emText]) {
  if (ticks) return el("code", {}, code.replace(/^ (.*) $/s, "$1"));
  if (url) return link(decode(url), ...inline(label || url));
  if (inTag) return tag(inTag);
  if (bare) return link(decode(bare), decode(bare));
  if (emoji) return emojiNode(emoji);
  if (sign) return sign;
  if (strong) return el(strong === "~~" ? "s" : "strong", {}, ...inline(strongText));
  return el("em", {}, ...inline(emText));
}
