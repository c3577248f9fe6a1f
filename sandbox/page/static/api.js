// The server: one stream of events, and actions as JSON. Everything else on the page goes through here.

const listeners = new Map(); // topic: functions
let run = null; // of the server; another one means that it was restarted
let lastSeq = 0;

/** Call `hear(value)` on each value of a topic: "change", "connection", or one that the server publishes. */
export function on(topic, hear) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(hear);
  listening(topic);
  return () => listeners.get(topic).delete(hear);
}

/** Tell everybody on this page. */
export function tell(topic, value) {
  for (const hear of listeners.get(topic) ?? []) hear(value);
}

/** GET a path; its JSON. */
export async function get(path) {
  return answer(await fetch(path));
}

/** POST JSON to a path; the JSON that it answers. Throws an Error with the server's sentence. */
export async function post(path, body = {}) {
  return answer(await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  }));
}

async function answer(response) {
  if (response.ok) return response.json();
  throw new Error((await response.text()) || `The server answered ${response.status}.`);
}

let source = null;

/** Open the stream; it reconnects by itself and goes on after the last change that it saw. */
export function listen() {
  source = new EventSource(`/page/events?since=${lastSeq}`);
  source.addEventListener("open", () => tell("connection", "open"));
  source.addEventListener("error", () => {
    tell("connection", "lost");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  });
  source.addEventListener("hello", (event) => {
    const now = JSON.parse(event.data);
    if (run && run !== now) location.reload();
    run = now;
  });
  source.addEventListener("change", (event) => {
    const change = JSON.parse(event.data);
    if (change.seq <= lastSeq) return;
    lastSeq = change.seq;
    tell("change", change);
  });
  for (const topic of listeners.keys()) attach(topic);
}

const OWN = new Set(["change", "connection", "hello", "open", "error"]);

function listening(topic) {
  if (source) attach(topic);
}

const attached = new WeakMap(); // source: topics

function attach(topic) {
  const topics = attached.get(source) ?? new Set();
  attached.set(source, topics);
  if (OWN.has(topic) || topics.has(topic)) return;
  topics.add(topic);
  source.addEventListener(topic, (event) => tell(topic, JSON.parse(event.data)));
}
