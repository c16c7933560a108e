import type { Time } from "./protocol.ts";

/** 8 ms, 0.4 s, 12 s, 2 m 05 s, 1 h 02 m: as Python writes it. */
export function duration(seconds: number): string {
  const s = Math.max(seconds, 0);
  if (s < 0.0995) return `${Math.round(s * 1000)} ms`;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
}

/** How long something has taken or took; "" if it has not begun. */
export function elapsed(of: { status: string; started_at: Time | null; finished_at: Time | null }, now: Time): string {
  if (of.started_at == null || of.status === "READY") return "";
  return duration((of.finished_at ?? now) - of.started_at);
}
