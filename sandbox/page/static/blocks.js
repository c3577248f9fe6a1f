// Block Kit as Slack draws it. Each block is drawn on its own, so that one that cannot be drawn spoils no other.

import { cards } from "./cards.js";
import { el, isSafe, link } from "./dom.js";
import { drawElement } from "./elements.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { plainText, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";
import { tables } from "./tables.js";

/** The blocks as elements, in order. `ctx` as in elements.js, with `errors` by block id in a modal. */
export function drawBlocks(blocks, ctx) {
  return (blocks ?? []).map((block) => {
    const node = el("div", { class: `block ${block.type}`, "data-block": block.block_id });
    const draw = DRAW[block.type] ?? cards[block.type] ?? tables[block.type];
    node.append(...flat(draw ? draw(block, ctx, drawBlocks) : cannot(block)));
    return node;
  });
}

const DRAW = {
  section,
  header: (block) => el("h3", {}, plainText(block.text)),
  divider: () => el("hr"),
  context: (block) => block.elements.map((e) => (e.type === "image" ? picture(e, "small") : el("span", { class: "text" }, ...textObject(e)))),
  actions: (block, ctx) => block.elements.map((element) => drawElement(element, block, ctx)),
  context_actions: (block, ctx) => block.elements.map((element) => drawElement(element, block, ctx)),
  image: (block) => el("figure", {},
    el("figcaption", {}, block.title ? plainText(block.title) : block.alt_text), picture(block)),
  rich_text: (block) => richText(block),
  markdown: (block) => markdown(block.text),
  input,
  video,
  file: (block) => el("div", { class: "fileline" }, icon("file"), `Remote file ${block.external_id}`),
};

const flat = (nodes) => [nodes].flat(Infinity).filter((node) => node !== null && node !== undefined && node !== false);

function cannot(block) {
  return el("p", { class: "cannot" }, `This page cannot show a block of the type ${block.type}.`);
}

function section(block, ctx) {
  const words = el("div", { class: "words" },
    block.text && el("div", { class: "text" }, ...textObject(block.text)),
    block.fields && el("div", { class: "fields" }, block.fields.map((field) => el("div", { class: "text" }, ...textObject(field)))));
  const accessory = block.accessory && el("div", { class: "accessory" },
    block.accessory.type === "image" ? picture(block.accessory, "thumb") : drawElement(block.accessory, block, ctx));
  return [words, accessory];
}

/** A picture of this server's own; others are named and linked, since the page fetches nothing from outside. */
export function picture(image, size = "") {
  const url = image.image_url ?? image.slack_file?.url ?? (image.slack_file?.id && `${location.origin}/files/${image.slack_file.id}`) ?? "";
  if (isSafe(url) && new URL(url).origin === location.origin) {
    return el("img", { class: `picture ${size}`, src: url, alt: image.alt_text ?? "", loading: "lazy" });
  }
  if (size) return el("span", { class: `picture ${size} absent`, role: "img", "aria-label": image.alt_text, title: image.alt_text }, icon("file"));
  const place = isSafe(url) ? new URL(url).hostname : "elsewhere";
  return el("div", { class: "picture absent" }, icon("file"), el("span", {}, link(url, image.alt_text || "Picture"), ` · a picture on ${place}, which this page does not fetch`));
}

function input(block, ctx) {
  const error = ctx.errors?.[block.block_id];
  const control = drawElement(block.element, block, ctx);
  const id = `${ctx.where}-${block.block_id}`;
  const target = control.matches("input, select, textarea, button, fieldset") ? control : control.querySelector("input, select, textarea, button");
  target?.setAttribute("id", id);
  if (target && error) target.setAttribute("aria-invalid", "true");
  const notes = [error && `${id}-error`, block.hint && `${id}-hint`].filter(Boolean).join(" ");
  if (target && notes) target.setAttribute("aria-describedby", notes);
  const label = el(control.matches("fieldset") ? "legend" : "label", { for: control.matches("fieldset") ? null : id }, plainText(block.label), block.optional && el("small", {}, " (optional)"));
  if (control.matches("fieldset")) control.prepend(label);
  return [
    !control.matches("fieldset") && label, control,
    error && el("p", { class: "wrong", id: `${id}-error` }, icon("warning"), error),
    block.hint && el("p", { class: "hint", id: `${id}-hint` }, plainText(block.hint)),
  ];
}

function video(block) {
  return el("div", { class: "film" },
    [block.provider_name, block.author_name].filter(Boolean).length
      ? el("div", { class: "by" }, [block.provider_name, block.author_name].filter(Boolean).join(" · ")) : null,
    el("div", { class: "title" }, icon("play"), link(block.title_url ?? block.video_url, plainText(block.title))),
    block.description && el("div", {}, plainText(block.description)),
    el("div", { class: "hint" }, block.alt_text));
}
