/** Whole seconds since `startedAtMs`; null when it has not been started. */
export function uptimeSeconds(startedAtMs: number, nowMs = Date.now()): number | null {
  return startedAtMs > 0 ? Math.max(0, Math.floor((nowMs - startedAtMs) / 1000)) : null;
}
