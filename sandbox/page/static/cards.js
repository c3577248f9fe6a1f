// Blocks that frame others or tell of work: plan and tasks, cards, containers, alerts.

import { el, link } from "./dom.js";
import { drawElement } from "./elements.js";
import { icon } from "./icons.js";
import { plainText, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";

const STATUS = { pending: "not begun", in_progress: "running", complete: "done", error: "failed" };

export const cards = { plan, task_card: task, card, carousel, container, alert };

const folded = new Map(); // what the person folded, by block id and title

/** A <details> that stays as the person left it while its message is edited. */
function foldable(key, open, attributes, ...children) {
  const node = el("details", { ...attributes, open: folded.get(key) ?? open }, ...children);
  node.addEventListener("toggle", () => folded.set(key, node.open));
  return node;
}

function plan(block) {
  const tasks = block.tasks ?? [];
  const done = tasks.filter((one) => one.status === "complete").length;
  const state = tasks.some((one) => one.status === "error") ? "error"
    : tasks.every((one) => one.status === "complete") ? "complete" : "in_progress";
  return foldable(`plan ${block.block_id} ${tasks[0]?.task_id} ${tasks[0]?.title}`, true, { class: "plan" },
    el("summary", {}, mark(state), el("b", {}, block.title || "Plan"), el("span", { class: "count" }, `${done} of ${tasks.length}`)),
    el("ol", {}, tasks.map((one) => el("li", {}, task(one)))));
}

function mark(status) {
  const inner = { complete: icon("check"), error: icon("close") }[status] ?? null;
  return el("span", { class: `mark ${status}`, role: "img", "aria-label": STATUS[status] }, inner);
}

function task(block) {
  const more = [block.details && el("div", { class: "details" }, ...richText(block.details)),
    block.output && el("div", { class: "output" }, ...richText(block.output)),
    block.sources?.length && el("div", { class: "sources" }, block.sources.map((source) => link(source.url, source.text)))];
  return el("div", { class: `task ${block.status}` }, mark(block.status), el("div", { class: "words" }, el("div", { class: "title" }, block.title), ...more));
}

function card(block, ctx) {
  const image = (given) => el("img", { src: given.image_url, alt: given.alt_text });
  const own = (given) => given?.image_url?.startsWith(location.origin) && image(given);
  const words = (name) => block[name] && el("div", { class: name }, ...textObject(block[name]));
  return el("div", { class: "frame" }, own(block.hero_image),
    el("div", { class: "head" }, own(block.icon), el("div", {}, words("title"), words("subtitle"))),
    words("body"), words("subtext"),
    block.actions && el("div", { class: "block actions" }, block.actions.map((element) => drawElement(element, block, ctx))));
}

function carousel(block, ctx) {
  return el("div", { class: "row", tabindex: 0, role: "group", "aria-label": "Cards" }, block.elements.map((one) => card(one, ctx)));
}

function container(block, ctx, drawBlocks) {
  const title = block.rich_text_title ? richText(block.rich_text_title) : plainText(block.title);
  const head = [el("b", {}, title), block.subtitle && el("span", { class: "subtitle" }, ...textObject(block.subtitle))];
  const body = el("div", { class: "inside" }, ...drawBlocks(block.child_blocks, ctx));
  if (block.is_collapsible) {
    return foldable(`container ${block.block_id}`, !block.default_collapsed, { class: "frame" }, el("summary", {}, head), body);
  }
  return el("div", { class: "frame" }, el("div", { class: block.has_header_divider ? "head ruled" : "head" }, head), body);
}

function alert(block) {
  const level = block.level ?? "default";
  return el("div", { class: `notice ${level}`, role: "note" }, icon(level === "success" ? "check" : "warning"), el("div", {}, ...textObject(block.text)));
}
