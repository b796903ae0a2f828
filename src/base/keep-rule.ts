import { badValue, parseDurationMs } from './units.js';

/** Periods of the calendar that a keep rule counts, finest first: the order in which they choose. */
export const KEEP_PERIODS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type KeepPeriod = (typeof KEEP_PERIODS)[number];

/** What is to be kept; what no part of it chooses is to go. At least one part is there, every count is 1 or more. */
export interface KeepRule {
  /** Everything that is not older. */
  readonly withinMs?: number;
  /** This many of the newest. */
  readonly last?: number;
  /** The newest of each period, of this many periods that have one. */
  readonly periods: Readonly<Partial<Record<KeepPeriod, number>>>;
}

const COUNT_MAX = 100_000;

/**
 * `daily:7 weekly:4`, `last:3`, `within:30d`, or several of these, separated by blanks or commas.
 * @throws TSCT_BAD_VALUE
 */
export function parseKeepRule(text: string): KeepRule {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0) throw badValue('the rule says nothing: a rule that keeps nothing is no rule');
  const rule: { withinMs?: number; last?: number; periods: Partial<Record<KeepPeriod, number>> } = {
    periods: {},
  };
  for (const word of words) {
    const [, name = '', value = ''] = /^([a-z]+)[:=](.+)$/.exec(word) ?? [];
    const period = KEEP_PERIODS.find((known) => known === name);
    if (period === undefined && name !== 'within' && name !== 'last') {
      throw badValue(`"${word}" is not one of ${KEEP_PERIODS.join(':N, ')}:N, last:N or within:TIME`);
    }
    const isThere = period ? rule.periods[period] : name === 'last' ? rule.last : rule.withinMs;
    if (isThere !== undefined) throw badValue(`${name} is said twice`);
    if (period) rule.periods[period] = parseCount(word, value);
    else if (name === 'last') rule.last = parseCount(word, value);
    else rule.withinMs = parseAge(word, value);
  }
  return rule;
}

function parseCount(word: string, value: string): number {
  const count = /^\d+$/.test(value) ? Number(value) : 0;
  if (count >= 1 && count <= COUNT_MAX) return count;
  throw badValue(`"${word}" needs a number from 1 to ${COUNT_MAX}; to keep none of these, leave it out`);
}

function parseAge(word: string, value: string): number {
  const ageMs = parseDurationMs(value);
  if (ageMs > 0) return ageMs;
  throw badValue(`"${word}" keeps nothing: expected an age such as within:30d`);
}
