import { CALENDAR_SYNTAX, type Calendar, parseCalendar } from '../base/calendar.js';
import { type KeepRule, parseKeepRule } from '../base/keep-rule.js';
import { badValue } from '../base/units.js';
import { parsePath, parseWords } from './values.js';

/** Schedule=: `NAME WHEN [keep=RULE[,RULE...]]`. */
export interface ScheduleValue {
  readonly name: string;
  readonly when: Calendar;
  /** Absent: nothing that it made is ever taken away. */
  readonly keep?: KeepRule;
}

export const SCHEDULE_SYNTAX = `NAME ${CALENDAR_SYNTAX} [keep=RULE[,RULE...]]`;

export function parseSchedule(text: string): readonly ScheduleValue[] {
  const [name = '', ...rest] = text.split(/\s+/);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,31}$/.test(name)) {
    throw badValue(`"${name}" is not a schedule's name: letters, digits, - and . up to 32 characters`);
  }
  // A rule may be written with blanks as well: what begins with keep= goes on to the end.
  const at = rest.findIndex((word) => word.startsWith('keep='));
  const when = (at < 0 ? rest : rest.slice(0, at)).join(' ');
  if (when === '') throw badValue(`schedule ${name} does not say when: expected ${CALENDAR_SYNTAX}`);
  const keep = at < 0 ? undefined : parseKeepRule(rest.slice(at).join(' ').slice('keep='.length));
  return [{ name, when: parseCalendar(when), ...(keep ? { keep } : {}) }];
}

const PLACEHOLDERS = ['container', 'schedule', 'utc', 'local'];

/** NamePattern=: what a snapshot's name may hold, and placeholders; one of the two times must be among them. */
export function parseNamePattern(text: string): string {
  const bare = text.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    if (PLACEHOLDERS.includes(name)) return '';
    throw badValue(`${whole} is not one of ${PLACEHOLDERS.map((known) => `{${known}}`).join(' ')}`);
  });
  if (!/^[a-zA-Z0-9.-]*$/.test(bare) || !/^[a-zA-Z0-9{]/.test(text)) {
    throw badValue(
      `"${text}": names of snapshots are made of letters, digits, - and ., a letter or digit first`,
    );
  }
  if (!/\{(utc|local)\}/.test(text))
    throw badValue(`"${text}" has no {utc} or {local}: every snapshot would have the same name`);
  return text;
}

/** PreHook= and PostHook=: a program of the host and its arguments, one command a line, no shell. */
export function parseHook(text: string): readonly (readonly string[])[] {
  const [program = '', ...args] = parseWords(text);
  return [[parsePath(program), ...args]];
}

/** FreezeHook= and ThawHook=: a shell in the container reads it. */
export function parseText(text: string): string {
  return text;
}
