// The world panel: the services on a map, what can be broken, what fires, and PagerDuty's view.

import { el, fill, svg } from "./dom.js";
import { showGuide } from "./guide.js";
import { createMap, line } from "./world-map.js";
import { age, percent, STATES, time } from "./world-words.js";

const CHART = { width: 150, height: 40 };

/** Draw the panel into `root` and follow the topic `world`. */
export function start(root, api) {
  const parts = {
    summary: el("p", { class: "world-summary", role: "status" }),
    map: el("div", { class: "world-map" }),
    detail: el("div", { class: "world-detail", "aria-live": "off" }),
    table: el("tbody"),
    faults: el("ul", { class: "faults" }),
    problem: el("p", { class: "world-problem", role: "alert", hidden: true }),
    alerts: el("ul", { class: "alerts" }),
    pagerduty: el("div", { class: "pagerduty" }),
    paged: el("p", { class: "world-problem", role: "alert", hidden: true }),
    bot: el("p", { class: "world-bot" }),
    mode: el("p", { class: "world-bot" }),
  };
  const company = el(
    "div", { hidden: true },
    section("Services", parts.summary, parts.map, parts.detail, table(parts.table)),
    section("Break something", parts.problem, parts.faults),
    section("Alerts firing", parts.alerts),
    section("PagerDuty", parts.paged, parts.pagerduty),
  );
  const sentence = el("p", { class: "world-sentence" });
  const again = el("button", { class: "button", type: "button", onclick: showGuide }, "Show the first steps");
  fill(root, el("div", { class: "world" }, sentence, company, section("The bot", parts.bot, parts.mode, again)));

  let map = null;
  let chosen = null;
  let latest = null;
  const faults = createFaults(parts.faults, ask);
  const pages = createIncidents(parts.pagerduty, (act, number, done) => ask("/page/world/pagerduty", { do: act, incident: number, as: api.me() }, done, parts.paged));

  api.on("world", (world) => {
    latest = world;
    parts.bot.textContent = world.bot.sentence;
    parts.bot.classList.toggle("waiting", !world.bot.ready);
    parts.mode.textContent = world.mode;
    company.hidden = world.kind !== "company";
    sentence.hidden = world.kind === "company";
    sentence.textContent = world.sentence ?? "The company is starting.";
    if (world.kind !== "company") return;
    if (!map) {
      map = createMap(world.services, choose);
      parts.map.append(map.element);
    }
    draw();
  });

  function draw() {
    map.update(latest.services, chosen);
    say(parts.summary, summary(latest.services));
    fill(parts.table, latest.services.map(row));
    drawDetail(parts.detail, latest.services.find((service) => service.name === chosen));
    faults.update(latest.faults);
    drawAlerts(parts.alerts, latest);
    pages.update(latest);
  }

  function choose(name) {
    chosen = chosen === name ? null : name;
    draw();
  }

  async function ask(path, body, done, problem = parts.problem) {
    try {
      await api.post(path, body);
      problem.hidden = true;
      api.announce(done);
    } catch (error) {
      problem.hidden = false;
      say(problem, error.message);
    }
  }
}

function section(title, ...children) {
  return el("section", { class: "world-part" }, el("h3", {}, title), children);
}

/** Change a text only when it differs: a live region then speaks only of news. */
function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function summary(services) {
  const ill = services.filter((service) => service.state !== "healthy");
  if (!ill.length) return `All ${services.length} services are healthy.`;
  return `${services.length - ill.length} of ${services.length} healthy; ${ill.map((service) => `${service.name} ${STATES[service.state]}`).join(", ")}.`;
}

function table(body) {
  const heads = ["Service", "State", "Pods", "Errors", "Latency", "Calls"];
  return el(
    "details", { class: "world-table" }, el("summary", {}, "As a table"),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Services as a table" },
      el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), body)),
  );
}

function row(service) {
  const pods = service.ready === null ? "–" : `${service.ready} of ${service.wanted}`;
  const cells = [STATES[service.state], pods, percent(service.error_ratio), time(service.latency_s), service.depends_on.join(", ") || "nothing"];
  return el("tr", {}, el("th", { scope: "row" }, service.name), cells.map((cell) => el("td", {}, cell)));
}

function drawDetail(element, service) {
  if (!service) {
    fill(element, el("p", { class: "hint" }, "Choose a service to see its last four minutes: share of errors on the left, latency on the right."));
    return;
  }
  const calls = service.depends_on.length ? `Calls ${service.depends_on.join(", ")}.` : "Calls no other service.";
  fill(
    element,
    el("p", {}, el("b", {}, `${service.name} is ${STATES[service.state]}. `), `${service.why} ${calls}`),
    service.rps === null ? null : el(
      "div", { class: "charts" },
      chart("Errors", service.errors, percent, 0.02),
      chart("Latency", service.latency, time, 0.1),
    ),
  );
}

function chart(title, values, words, full) {
  const most = Math.max(...values);
  const now = values.at(-1);
  return el(
    "figure", {}, el("figcaption", {}, `${title} ${words(now)}`),
    svg("svg", { class: "chart", viewBox: `0 -2 ${CHART.width} ${CHART.height + 4}`, role: "img", "aria-label": `${title} in the last four minutes: now ${words(now)}, at most ${words(most)}` },
      svg("polyline", { class: "spark", points: line(values, CHART, full) })),
    el("span", { class: "hint" }, `4 min · at most ${words(most)}`),
  );
}

/** The list of faults, built once, so that focus stays where it is. */
function createFaults(list, ask) {
  const known = new Map();
  const why = el("span", { class: "hint", id: "heal-why" });
  const heal = button("Heal everything", "heal-why", () => ask("/page/world/heal", {}, "Healing: every change is being undone."));
  heal.classList.add("primary");
  let broken = [];
  return {
    update(faults) {
      broken = faults.filter((fault) => fault.active);
      if (!known.size) {
        for (const fault of faults) known.set(fault.name, add(fault));
        fill(list, [...known.values()].map((entry) => entry.item), el("li", { class: "fault" }, heal, why));
      }
      for (const fault of faults) {
        const entry = known.get(fault.name);
        enable(entry.button, !fault.active);
        entry.item.classList.toggle("active", fault.active);
        say(entry.state, fault.active ? "Broken now: heal it first. " : "");
      }
      enable(heal, broken.length > 0);
      say(why, broken.length ? `Undoes ${broken.map((fault) => fault.title.toLowerCase()).join(", ")}.` : "Nothing is broken.");
    },
  };

  function add(fault) {
    const id = `fault-${fault.name}`;
    const state = el("b", {});
    const trigger = button(fault.title, id, () => ask("/page/world/inject", { fault: fault.name }, `${fault.title} begins.`));
    const item = el("li", { class: "fault" }, trigger, el("span", { class: "hint", id }, state, `${fault.does}.`));
    return { item, button: trigger, state };
  }
}

/** A button that stays reachable while it is disabled, so that its reason can be heard. */
function button(title, describedBy, act) {
  const element = el("button", { class: "button", type: "button", "aria-describedby": describedBy }, title);
  element.addEventListener("click", () => {
    if (element.getAttribute("aria-disabled") !== "true") act();
  });
  return element;
}

function enable(element, on) {
  element.setAttribute("aria-disabled", String(!on));
}

function drawAlerts(list, world) {
  const groups = new Map();
  for (const alert of world.alerts) {
    const key = `${alert.name} ${alert.service} ${alert.silenced}`;
    groups.set(key, [...(groups.get(key) ?? []), alert]);
  }
  const items = [...groups.values()].map((alerts) => {
    const [first] = alerts;
    const since = age(world.at - Date.parse(first.since) / 1000);
    const many = alerts.length > 1 ? ` × ${alerts.length}` : "";
    return el(
      "li", { class: `alert ${first.severity}` },
      el("span", { class: "severity" }, first.silenced ? "silenced" : first.severity || "alert"),
      el("span", {}, el("b", {}, breakable(first.name), many), ` ${first.service} · ${since}`),
      el("span", { class: "hint" }, first.summary),
    );
  });
  fill(list, items.length ? items : el("li", { class: "hint" }, "No alert fires."));
}

/** A name in CamelCase that may be broken between its words. */
function breakable(name) {
  return name.split(/(?<=[a-z])(?=[A-Z])/).flatMap((word, index) => (index ? [el("wbr"), word] : [word]));
}

/** PagerDuty's incidents, each built once, so that focus stays where it is. */
function createIncidents(element, act) {
  const known = new Map(); // number: entry
  const list = el("ul", { class: "alerts" });
  const none = el("p", { class: "hint" });
  fill(element, none, list);
  return {
    update(world) {
      const incidents = world.pagerduty ?? [];
      none.hidden = incidents.length > 0;
      say(none, world.pagerduty === null ? "This company has no PagerDuty; nobody is paged." : "PagerDuty has no incident, and nobody is paged.");
      for (const incident of incidents) {
        if (!known.has(incident.number)) known.set(incident.number, createIncident(incident.number, act));
        updateIncident(known.get(incident.number), incident, world.at);
      }
      const items = incidents.map((incident) => known.get(incident.number).item);
      if (items.length !== list.children.length || items.some((item, i) => item !== list.children[i])) fill(list, items);
    },
  };
}

function createIncident(number, act) {
  const id = `page-${number}`;
  const parts = { status: el("span", { class: "severity" }), name: el("b", {}), urgency: el("span", {}), title: el("span", { class: "hint", id }), says: el("span", { class: "hint" }) };
  const acknowledge = button("Acknowledge in PagerDuty", id, () => act("acknowledge", number, `Acknowledged #${number} in PagerDuty.`));
  const resolve = button("Resolve in PagerDuty", id, () => act("resolve", number, `Resolved #${number} in PagerDuty.`));
  const acts = el("span", { class: "acts" }, acknowledge, resolve);
  const item = el("li", { class: "alert" }, parts.status, el("span", {}, parts.name, parts.urgency), parts.title, parts.says, acts);
  return { ...parts, item, acts, acknowledge };
}

function updateIncident(entry, incident, now) {
  const names = (people) => people.join(", ");
  const says = [
    incident.acknowledged_by.length ? `Acknowledged by ${names(incident.acknowledged_by)}.` : null,
    incident.status === "resolved" ? null : incident.assigned.length ? `Assigned to ${names(incident.assigned)}.` : "Assigned to nobody.",
    incident.escalates_at ? `Escalates in ${age(Date.parse(incident.escalates_at) / 1000 - now)}.` : null,
    incident.notes.length ? `${incident.notes.length} ${incident.notes.length === 1 ? "note" : "notes"}.` : null,
  ];
  entry.item.className = `alert ${incident.status === "triggered" ? "critical" : ""}`;
  say(entry.status, incident.status);
  say(entry.name, `#${incident.number} ${incident.service}`);
  say(entry.urgency, ` ${incident.priority ?? `${incident.urgency} urgency`}`);
  say(entry.title, incident.title);
  say(entry.says, says.filter(Boolean).join(" "));
  entry.acts.hidden = incident.status === "resolved";
  enable(entry.acknowledge, incident.status === "triggered");
}
