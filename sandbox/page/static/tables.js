// Tables and charts. A chart is drawn as the table of its figures with bars, which every reader can read.

import { el } from "./dom.js";
import { richText } from "./richtext.js";

export const tables = { table, data_table: table, data_visualization: chart };

function table(block) {
  const [head, ...rows] = block.rows;
  const columns = Math.max(...block.rows.map((row) => row.length));
  const row = (cells, name) => el("tr", {}, ...Array.from({ length: columns }, (_none, i) => {
    const settings = block.column_settings?.[i] ?? {};
    const isNumber = cells[i]?.type === "raw_number";
    return el(name, { class: [settings.align ?? (isNumber ? "right" : ""), settings.is_wrapped ? "wrapped" : ""].join(" ").trim() || null }, cells[i] ? cell(cells[i]) : "");
  }));
  return scrolling(block.caption, el("table", {}, block.caption && el("caption", {}, block.caption),
    el("thead", {}, row(head, "th")), el("tbody", {}, rows.map((cells) => row(cells, "td")))));
}

function cell(given) {
  return given.type === "rich_text" ? richText(given) : String(given.text ?? given.value);
}

function chart(block) {
  const { chart: drawn } = block;
  const series = drawn.type === "pie" ? [{ name: "", data: drawn.segments }] : drawn.series;
  const most = Math.max(...series.flatMap((one) => one.data.map((point) => Math.abs(point.value))), 0) || 1;
  const labels = drawn.type === "pie" ? drawn.segments.map((point) => point.label) : drawn.axis_config.categories;
  const bar = (value) => {
    const node = el("span", { class: "amount", "aria-hidden": "true" });
    node.style.width = `${Math.round((Math.abs(value) / most) * 100)}%`;
    return node;
  };
  return scrolling(block.title, el("table", { class: "chart" }, el("caption", {}, block.title),
    drawn.type === "pie" ? null : el("thead", {}, el("tr", {}, el(drawn.axis_config.x_label ? "th" : "td", {}, drawn.axis_config.x_label ?? ""), series.map((one) => el("th", {}, one.name)))),
    el("tbody", {}, labels.map((label) => el("tr", {}, el("th", { scope: "row" }, label), series.map((one) => {
      const value = one.data.find((point) => point.label === label)?.value ?? 0;
      return el("td", {}, bar(value), String(value));
    }))))));
}

function scrolling(name, inner) {
  return el("div", { class: "table", tabindex: 0, role: "group", "aria-label": name || "Table" }, inner);
}
