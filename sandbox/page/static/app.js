// Starts the page: asks who is there, opens the stream, starts the parts.

import * as server from "./api.js";
import { el } from "./dom.js";

const workspace = await server.get("/page/workspace");
/** What a part of the page is given. */
export const api = {
  on: server.on, // on("world", (value) => …): values that the server publishes; returns a function that ends it
  get: server.get, // await get("/page/…")
  post: server.post, // await post("/page/…", {…})
  me: () => workspace.people[0],
  show: (_place) => {}, // show({ channel, thread }): open a channel, and a thread in it
  announce: (_words) => {}, // to a screen reader, politely
};

if (workspace.parts.length) {
  document.head.append(el("link", { rel: "stylesheet", href: "/static/world.css" })); // of all parts
}
for (const part of workspace.parts) {
  const root = document.getElementById(part);
  root.hidden = false;
  const module = await import(`./${part}.js`);
  await module.start(root, api);
}
server.listen();
