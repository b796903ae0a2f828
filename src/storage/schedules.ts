import { type Calendar, latestOccurrenceMs } from '../base/calendar.js';

/** What is known of a snapshot that a schedule may have made. */
export interface Scheduled {
  readonly createdMs: number;
  /** `schedule NAME` for what a schedule made. */
  readonly by: string;
}

/** How a snapshot says which schedule made it. */
export function scheduleMark(name: string): string {
  return `schedule ${name}`;
}

/**
 * The schedules whose turn has come: those that have made nothing since the last moment at which they were to. However
 * many turns were missed, one snapshot makes up for them; a schedule that has none at all is due at once. What seems
 * to be made after `nowMs` (a clock was wrong) holds nobody up.
 */
export function dueSchedules<S extends { readonly name: string; readonly when: Calendar }>(
  schedules: readonly S[],
  snapshots: readonly Scheduled[],
  nowMs: number,
): S[] {
  return schedules.filter(({ name, when }) => {
    const turnMs = latestOccurrenceMs(when, nowMs);
    const mark = scheduleMark(name);
    return !snapshots.some((one) => one.by === mark && one.createdMs >= turnMs && one.createdMs <= nowMs);
  });
}

/**
 * A name by a pattern whose placeholders are {container}, {schedule}, {utc} and {local} (20261122T023000Z, and
 * without Z). One that is taken gets a number behind it.
 */
export function snapshotName(
  pattern: string,
  values: { readonly container: string; readonly schedule: string; readonly nowMs: number },
  taken: ReadonlySet<string>,
): string {
  const at = new Date(values.nowMs);
  const local = new Date(values.nowMs - at.getTimezoneOffset() * 60_000);
  const words: Readonly<Record<string, string>> = {
    container: values.container,
    schedule: values.schedule,
    utc: `${digits(at)}Z`,
    local: digits(local),
  };
  const name = pattern.replace(/\{(\w+)\}/g, (whole, word: string) => words[word] ?? whole);
  for (let number = 2, free = name; ; free = `${name}-${number++}`) if (!taken.has(free)) return free;
}

function digits(at: Date): string {
  return at
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:]/g, '');
}
