// Numbers, sizes and times as a person reads them.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (n) => plain.format(n);

/** Four significant digits; very small and very large ones by power of ten. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "NaN";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2).replace("e+", "e");
  if (Number.isInteger(value)) return plain.format(value);
  if (size < 0.1) return value.toPrecision(3);
  return value.toFixed(size >= 1000 ? 1 : size >= 100 ? 2 : size >= 1 ? 3 : 4);
}

/** A label beside an axis whose labels are `step` apart: as many digits as the step itself has. */
export function tick(value, step) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(size < 1e-4 ? 1 : 2).replace("e+", "e").replace(/\.0+e/, "e");
  let digits = 0;
  while (digits < 8 && Math.abs(Math.round(step * 10 ** digits) - step * 10 ** digits) > 1e-6) digits += 1;
  return value.toFixed(digits);
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i += 1; }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

export function duration(ms) {
  if (ms < 950) return `${Math.max(0, Math.round(ms))} ms`;
  const s = Math.round(ms / 1000);
  const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "m"], [s % 60, "s"]];
  const first = parts.findIndex(([value]) => value > 0);
  return parts.slice(first, first + 2).map(([value, unit], i) => (i ? String(value).padStart(2, "0") : value) + unit).join(" ");
}

export function ago(iso, now = Date.now()) {
  const ms = now - Date.parse(iso);
  if (ms < 45_000) return "just now";
  if (ms < 3_600_000) return `${Math.max(1, Math.round(ms / 60_000))} min ago`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h ago`;
  return new Date(iso).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

export const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB");

export const dateTime = (iso) => new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** How long a task has run, or ran. */
export function taskDuration(task, now = Date.now()) {
  if (!task.started_at) return null;
  return (task.finished_at ? Date.parse(task.finished_at) : now) - Date.parse(task.started_at);
}

export const isFinal = (status) => ["finished", "error", "stopped"].includes(status);

export const percent = (bar) => (bar.total > 0 ? Math.min(100, (100 * bar.current) / bar.total) : 0);
