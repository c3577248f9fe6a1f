// Line icons, 20 by 20.

import { svg } from "./dom.js";

const PATHS = {
  hash: "M8 3 6 17M14 3l-2 14M3.5 7.5h14M2.5 12.5h14",
  close: "M5 5l10 10M15 5 5 15",
  back: "M12 4l-6 6 6 6",
  reply: "M4 4.5h12v9H9l-4 3v-3H4z",
  smile: "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M7.3 8v.4M12.7 8v.4M6.8 11.8c1.6 2.3 4.8 2.3 6.4 0",
  more: "M10 4.2v.3M10 9.9v.3M10 15.6v.3",
  dots: "M4.3 10h.3M10 10h.3M15.7 10h.3",
  send: "M3.5 16.5 17 10 3.5 3.5 5 10zM5 10h6",
  down: "M5 8l5 5 5-5",
  eye: "M2 10s3-5.2 8-5.2S18 10 18 10s-3 5.2-8 5.2S2 10 2 10M10 7.6a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  warning: "M10 3l8 14H2zM10 8.2v4M10 14.4v.2",
  trash: "M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.8 11h7.4l.8-11",
  file: "M5 2.5h6.5L15 6v11.5H5zM11.5 2.5V6H15",
  play: "M6.5 4.5l9 5.5-9 5.5z",
  home: "M3 9.5 10 3.5l7 6M5 8.5v8h10v-8",
  stop: "M6 6h8v8H6z",
  link: "M8.5 11.5l3-3M9 6l2-2a3.2 3.2 0 0 1 4.6 4.6l-2 2M11 14l-2 2a3.2 3.2 0 0 1-4.6-4.6l2-2",
};

export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
}
