import { badValue } from './units.js';

/** When something is to be done again and again, in the time zone of this process. */
export type Calendar =
  | { readonly every: 'hour' | 'month' | 'year' }
  /** `weekdays` 0 to 6 from Monday, ascending; `minutes` after midnight. */
  | { readonly every: 'day'; readonly weekdays: readonly number[]; readonly minutes: number };

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const ALL_DAYS = [0, 1, 2, 3, 4, 5, 6];

/** What {@link parseCalendar} takes, for messages and manuals. */
export const CALENDAR_SYNTAX = 'hourly|daily|weekly|monthly|yearly|[DAY[,DAY...] ]HH:MM';

/**
 * A part of what systemd.time(7) calls a calendar event: a word, which means the first moment of that period, or a
 * time of day, on all days or on some (`Mon,Thu 03:00`).
 * @throws TSCT_BAD_VALUE
 */
export function parseCalendar(text: string): Calendar {
  const words: Readonly<Record<string, Calendar>> = {
    hourly: { every: 'hour' },
    daily: { every: 'day', weekdays: ALL_DAYS, minutes: 0 },
    weekly: { every: 'day', weekdays: [0], minutes: 0 },
    monthly: { every: 'month' },
    yearly: { every: 'year' },
  };
  const word = Object.hasOwn(words, text) ? words[text] : undefined;
  if (word) return word;
  const [, days, hours, minutes] = /^(?:([A-Za-z,]+)\s+)?([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (minutes === undefined) throw badValue(`"${text}" is not one of ${CALENDAR_SYNTAX}`);
  const weekdays = days === undefined ? ALL_DAYS : [...new Set(days.split(',').map(parseWeekday))].sort();
  return { every: 'day', weekdays, minutes: Number(hours) * 60 + Number(minutes) };
}

function parseWeekday(name: string): number {
  const day = WEEKDAYS.findIndex((known) => known.toLowerCase() === name.toLowerCase());
  if (day < 0) throw badValue(`"${name}" is not one of ${WEEKDAYS.join(', ')}`);
  return day;
}

/**
 * The last moment, at or before `nowMs`, at which it was to be done. A time of day that the clock leaps over in
 * spring counts as much later as it leaps; one that comes twice in autumn counts the first time.
 */
export function latestOccurrenceMs(calendar: Calendar, nowMs: number): number {
  const now = new Date(nowMs);
  switch (calendar.every) {
    case 'hour':
      return nowMs - ((now.getMinutes() * 60 + now.getSeconds()) * 1000 + now.getMilliseconds());
    case 'month':
      return new Date(now.getFullYear(), now.getMonth(), 1).getTime();
    case 'year':
      return new Date(now.getFullYear(), 0, 1).getTime();
    case 'day':
      return latestDayMs(calendar.weekdays, calendar.minutes, now);
  }
}

/** Of today and the seven days before, one is always of the right weekday and over. */
function latestDayMs(weekdays: readonly number[], minutes: number, now: Date): number {
  for (let back = 0; ; back++) {
    const at = new Date(now.getFullYear(), now.getMonth(), now.getDate() - back, 0, minutes);
    const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() - back, 12).getDay();
    if (weekdays.includes((day + 6) % 7) && at.getTime() <= now.getTime()) return at.getTime();
  }
}
