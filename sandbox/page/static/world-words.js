// Figures and states of the world in words.

export const STATES = { healthy: "healthy", degraded: "degraded", failing: "failing", down: "down" };

export function percent(ratio) {
  if (ratio === null) return "–";
  const value = ratio * 100;
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} %`;
}

export function time(seconds) {
  if (seconds === null) return "–";
  return seconds < 1 ? `${(seconds * 1000).toFixed(0)} ms` : `${seconds.toFixed(1)} s`;
}

/** How long ago, in one unit: "12 s", "3 min". */
export function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** A service in one breath, for a screen reader. */
export function spoken(service) {
  const calls = service.depends_on.length ? ` Calls ${service.depends_on.join(", ")}.` : "";
  const flow = service.rps === null ? "" : ` Errors ${percent(service.error_ratio)}, latency ${service.ready ? time(service.latency_s) : "unknown"}.`;
  return `${service.name}: ${STATES[service.state]}. ${service.why}${flow}${calls}`;
}
