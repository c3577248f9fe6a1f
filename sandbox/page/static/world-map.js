// The map: a box a service with its state and two sparklines, and a line for each call.

import { svg } from "./dom.js";
import { layout, NODE } from "./world-layout.js";
import { percent, spoken, time } from "./world-words.js";

const PAD = 4;
const SPARK = { width: 41, height: 15 };
// A shape for each state, so that none is told by its colour alone: 12 by 12.
const MARKS = {
  healthy: "M6 .8a5.2 5.2 0 1 0 0 10.4A5.2 5.2 0 1 0 6 .8M3.6 6.1l1.7 1.7 3.2-3.5",
  degraded: "M6 1 11.4 11H.6zM6 4.5v3M6 9.2v.2",
  failing: "M1 1h10v10H1zM4 4l4 4M8 4 4 8",
  down: "M1 1h10v10H1zM4 4l4 4M8 4 4 8",
};

/** A map for these services; `choose(name)` is called when somebody picks one. Has `element` and `update(services)`. */
export function createMap(services, choose) {
  const plan = layout(services);
  const boxes = new Map(services.map((service) => [service.name, createBox(service.name, plan.nodes.get(service.name), choose)]));
  const lines = plan.edges.map((edge) => ({ ...edge, element: svg("path", { class: "call", d: curve(edge.points) }) }));
  const element = svg(
    "svg",
    { class: "map", viewBox: `${-PAD} ${-PAD} ${plan.width + 2 * PAD} ${plan.height + 2 * PAD}`, role: "group", "aria-label": "Map of the services; those above call those below" },
    svg("g", { "aria-hidden": "true" }, lines.map((line) => line.element)),
    [...boxes.values()].map((box) => box.element),
  );
  return {
    element,
    update(current, chosen) {
      const states = new Map(current.map((service) => [service.name, service.state]));
      for (const service of current) boxes.get(service.name)?.update(service, service.name === chosen);
      for (const line of lines) {
        line.element.classList.toggle("bad", ["failing", "down"].includes(states.get(line.to)));
        line.element.classList.toggle("chosen", [line.from, line.to].includes(chosen));
      }
    },
  };
}

function createBox(name, at, choose) {
  const mark = svg("path", { class: "mark", transform: "translate(7 6)" });
  const errors = svg("polyline", { class: "spark" });
  const latency = svg("polyline", { class: "spark" });
  const errorText = svg("text", { class: "figure", x: 7, y: 59 });
  const latencyText = svg("text", { class: "figure", x: NODE.width - 7, y: 59, "text-anchor": "end" });
  const element = svg(
    "g",
    {
      class: "box", tabindex: 0, role: "button", transform: `translate(${at.x - NODE.width / 2} ${at.y - NODE.height / 2})`,
      onclick: () => choose(name),
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose(name);
      },
    },
    svg("rect", { class: "frame", width: NODE.width, height: NODE.height, rx: 7 }),
    mark,
    svg("text", { class: "name", x: 24, y: 16 }, name),
    svg("g", { transform: "translate(7 27)" }, errors),
    svg("g", { transform: `translate(${NODE.width - 7 - SPARK.width} 27)` }, latency),
    errorText,
    latencyText,
  );
  return {
    element,
    update(service, chosen) {
      element.setAttribute("class", `box ${service.state}`);
      element.setAttribute("aria-pressed", String(chosen));
      element.setAttribute("aria-label", spoken(service));
      mark.setAttribute("d", MARKS[service.state]);
      errors.setAttribute("points", line(service.errors, SPARK, 0.1));
      latency.setAttribute("points", line(service.latency, SPARK, 0.2));
      errorText.textContent = service.rps === null ? "a job" : percent(service.error_ratio);
      latencyText.textContent = service.rps === null ? "" : service.ready ? time(service.latency_s) : "down";
    },
  };
}

/** Points of a line through these values, from the left; the scale ends at `full`, or at the largest value above it. */
export function line(values, { width, height }, full) {
  const most = Math.max(full, ...values);
  const step = width / Math.max(1, values.length - 1);
  return values.map((value, index) => `${(index * step).toFixed(1)},${(height - (value / most) * height).toFixed(1)}`).join(" ");
}

function curve(points) {
  const [first, ...rest] = points;
  let from = first;
  let path = `M${first.x} ${first.y}`;
  for (const to of rest) {
    const middle = (from.y + to.y) / 2;
    path += `C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`;
    from = to;
  }
  return path;
}
