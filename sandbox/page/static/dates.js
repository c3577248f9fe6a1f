// Times as the reader's own clock has them.

const DAY_MS = 86_400_000;

export function clockTime(seconds) {
  return new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }).format(seconds * 1000);
}

export function fullTime(seconds) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" }).format(seconds * 1000);
}

/** "Today", "Yesterday" or the date. */
export function dayName(seconds, now = Date.now()) {
  const days = daysBefore(seconds, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return format(seconds, { weekday: "long", day: "numeric", month: "long" });
}

/** "just now", "5 minutes ago", "today at 14:02". */
export function ago(seconds, now = Date.now()) {
  const minutes = Math.floor((now / 1000 - seconds) / 60);
  if (minutes < 1) return "just now";
  if (minutes < 60) return minutes === 1 ? "1 minute ago" : `${minutes} minutes ago`;
  return `${pretty(seconds, now) ?? format(seconds, { day: "numeric", month: "short" })} at ${clockTime(seconds)}`;
}

/** A date in Slack's notation, such as "{date_short_pretty} at {time}". */
export function slackDate(seconds, pattern, now = Date.now()) {
  const date = { day: "numeric", month: "long", year: "numeric" };
  const short = { day: "numeric", month: "short", year: "numeric" };
  const long = { weekday: "long", ...date };
  const parts = {
    date_num: () => numeric(seconds),
    date: () => format(seconds, date),
    date_short: () => format(seconds, short),
    date_long: () => format(seconds, long),
    date_pretty: () => pretty(seconds, now) ?? format(seconds, date),
    date_short_pretty: () => pretty(seconds, now) ?? format(seconds, short),
    date_long_pretty: () => pretty(seconds, now) ?? format(seconds, long),
    date_slash: () => numeric(seconds).replaceAll("-", "/"),
    day_divider_pretty: () => dayName(seconds, now),
    time: () => clockTime(seconds),
    time_secs: () => format(seconds, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    ago: () => ago(seconds, now),
  };
  const text = pattern.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(parts, name) ? parts[name]() : whole));
  return /^\{\w*pretty\}/.test(pattern) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

function pretty(seconds, now) {
  return { "-1": "tomorrow", 0: "today", 1: "yesterday" }[daysBefore(seconds, now)] ?? null;
}

function daysBefore(seconds, now) {
  const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(seconds * 1000)) / DAY_MS);
}

function numeric(seconds) {
  const at = new Date(seconds * 1000);
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

function format(seconds, options) {
  return new Intl.DateTimeFormat(undefined, options).format(seconds * 1000);
}
