import { KEEP_PERIODS, type KeepPeriod, type KeepRule } from '../base/keep-rule.js';

/** What retention looks at: a snapshot, or a backup. */
export interface Aged {
  readonly name: string;
  readonly createdMs: number;
}

/** Both lists newest first. */
export interface Retained<T> {
  readonly keep: readonly T[];
  readonly delete: readonly T[];
}

/**
 * Which snapshots a rule keeps; the idea is that of Proxmox Backup Server's keep options.
 *
 * The parts of a rule choose one after the other: `within`, `last`, then `hourly`, `daily`, `weekly`, `monthly`,
 * `yearly`. `daily:7` keeps the newest snapshot of each of the 7 latest days that have one; days without a snapshot do
 * not count, so that a host that was off for a month loses nothing when it comes back. A day in which an earlier part
 * has kept a snapshot is covered already and not counted either: `last:3 daily:7` reaches 7 days further back than
 * the day of the third newest.
 *
 * Periods are the calendar's in the time zone of this process, as cron's are; weeks begin on Monday and are numbered
 * as ISO 8601 does. The hour that comes twice when summer time ends is two hours.
 *
 * Whatever the rule: the newest is kept, and so is what seems to be made after `nowMs` (a clock was wrong; nobody can
 * tell how old it is), without counting for any part. Asking again about what was kept gives the same.
 */
export function retain<T extends Aged>(snapshots: readonly T[], rule: KeepRule, nowMs: number): Retained<T> {
  const newestFirst = [...snapshots].sort(
    (a, b) => b.createdMs - a.createdMs || (a.name < b.name ? 1 : a.name > b.name ? -1 : 0),
  );
  const past = newestFirst.filter((one) => one.createdMs <= nowMs);
  const chosen = new Set<T>();
  if (rule.withinMs !== undefined) {
    const sinceMs = nowMs - rule.withinMs;
    for (const one of past) if (one.createdMs >= sinceMs) chosen.add(one);
  }
  takeFirst(past, chosen, rule.last ?? 0, (one) => one);
  for (const period of KEEP_PERIODS) {
    takeFirst(past, chosen, rule.periods[period] ?? 0, (one) => periodOf(one.createdMs, period));
  }
  const [newest] = past;
  if (newest) chosen.add(newest);
  const isKept = (one: T) => one.createdMs > nowMs || chosen.has(one);
  return { keep: newestFirst.filter(isKept), delete: newestFirst.filter((one) => !isKept(one)) };
}

/** Chooses the newest of each group, of `count` groups, leaving out groups in which something is chosen already. */
function takeFirst<T>(
  newestFirst: readonly T[],
  chosen: Set<T>,
  count: number,
  groupOf: (one: T) => unknown,
): void {
  if (count === 0) return;
  const covered = new Set([...chosen].map(groupOf));
  let left = count;
  for (const one of newestFirst) {
    if (left === 0) return;
    const group = groupOf(one);
    if (covered.has(group)) continue;
    covered.add(group);
    chosen.add(one);
    left--;
  }
}

/** A name for the period of the calendar that a moment lies in. */
function periodOf(atMs: number, period: KeepPeriod): string {
  const at = new Date(atMs);
  const year = at.getFullYear();
  const month = `${year}-${at.getMonth()}`;
  const day = `${month}-${at.getDate()}`;
  switch (period) {
    // With the offset: at the end of summer time one local hour comes twice.
    case 'hourly':
      return `${day} ${at.getHours()} ${at.getTimezoneOffset()}`;
    case 'daily':
      return day;
    case 'weekly':
      return isoWeek(year, at.getMonth(), at.getDate());
    case 'monthly':
      return month;
    case 'yearly':
      return String(year);
  }
}

const DAY_MS = 86_400_000;

/** ISO 8601: a week belongs to the year that its Thursday lies in. Reckoned in UTC, where every day has 24 hours. */
function isoWeek(year: number, month: number, day: number): string {
  const date = new Date(Date.UTC(year, month, day));
  const weekday = (date.getUTCDay() + 6) % 7;
  const thursday = new Date(date.getTime() + (3 - weekday) * DAY_MS);
  const firstDay = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return `${thursday.getUTCFullYear()}-W${Math.floor((thursday.getTime() - firstDay) / DAY_MS / 7) + 1}`;
}
