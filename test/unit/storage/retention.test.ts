import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type KeepRule, parseKeepRule } from '../../../src/base/keep-rule.js';
import { retain } from '../../../src/storage/retention.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ZONE = process.env['TZ'];
afterEach(() => {
  if (ZONE === undefined) delete process.env['TZ'];
  else process.env['TZ'] = ZONE;
});

const at = (text: string) => ({ name: text, createdMs: new Date(text).getTime() });
const kept = (times: readonly string[], rule: string, now: string) =>
  retain(times.map(at), parseKeepRule(rule), new Date(now).getTime()).keep.map((one) => one.name);
const every = (stepMs: number, count: number, fromMs: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `s${i}`, createdMs: fromMs - i * stepMs }));

describe('retain', () => {
  it('keeps the newest of each day, and counts only days that have one', () => {
    const times = [
      '2026-03-01T01:00',
      '2026-03-01T23:00',
      '2026-03-05T08:00',
      '2026-03-20T02:00',
      '2026-03-20T03:00',
    ];
    expect(kept(times, 'daily:3', '2026-03-21T00:00')).toEqual([
      '2026-03-20T03:00',
      '2026-03-05T08:00',
      '2026-03-01T23:00',
    ]);
    expect(kept(times, 'daily:2', '2026-03-21T00:00')).toHaveLength(2);
  });

  it('a period that an earlier part has kept something of does not count for a later one', () => {
    const nightly = every(DAY, 30, new Date('2026-03-30T02:00').getTime());
    const { keep } = retain(nightly, parseKeepRule('last:3 daily:2'), new Date('2026-03-30T03:00').getTime());
    expect(keep.map((one) => one.name)).toEqual(['s0', 's1', 's2', 's3', 's4']);
  });

  it('a year of nights under daily:7 weekly:4 monthly:12', () => {
    const now = new Date('2026-12-31T02:30').getTime();
    const { keep } = retain(
      every(DAY, 365, new Date('2026-12-31T02:00').getTime()),
      parseKeepRule('daily:7,weekly:4,monthly:12'),
      now,
    );
    const dates = keep.map((one) => new Date(one.createdMs).toDateString().slice(0, 10));
    expect(dates.slice(0, 7)).toEqual([
      'Thu Dec 31',
      'Wed Dec 30',
      'Tue Dec 29',
      'Mon Dec 28',
      'Sun Dec 27',
      'Sat Dec 26',
      'Fri Dec 25',
    ]);
    expect(dates.slice(7, 11)).toEqual(['Sun Dec 20', 'Sun Dec 13', 'Sun Dec 06', 'Sun Nov 29']);
    expect(dates.slice(11)).toEqual([
      'Sat Oct 31',
      'Wed Sep 30',
      'Mon Aug 31',
      'Fri Jul 31',
      'Tue Jun 30',
      'Sun May 31',
      'Thu Apr 30',
      'Tue Mar 31',
      'Sat Feb 28',
      'Sat Jan 31',
    ]);
  });

  it('weeks are ISO weeks: 29 December 2025 and 1 January 2026 are one, Sunday and Monday are two', () => {
    expect(kept(['2025-12-29T12:00', '2026-01-01T12:00'], 'weekly:9', '2026-02-01T00:00')).toEqual([
      '2026-01-01T12:00',
    ]);
    expect(kept(['2026-01-04T12:00', '2026-01-05T12:00'], 'weekly:9', '2026-02-01T00:00')).toHaveLength(2);
    expect(kept(['2027-01-01T12:00', '2026-12-28T12:00'], 'weekly:9', '2027-02-01T00:00')).toHaveLength(1);
  });

  it('by age, and then by count for what is older', () => {
    const times = ['2026-01-15T00:00', '2026-02-20T00:00', '2026-02-21T00:00', '2026-03-01T00:00'];
    expect(kept(times, 'within:10d', '2026-03-02T00:00')).toEqual([
      '2026-03-01T00:00',
      '2026-02-21T00:00',
      '2026-02-20T00:00',
    ]);
    expect(kept(times, 'within:2d monthly:2', '2026-03-02T00:00')).toEqual([
      '2026-03-01T00:00',
      '2026-02-21T00:00',
      '2026-01-15T00:00',
    ]);
  });

  it("the newest stays however old it is; what is from the future stays and takes nobody's place", () => {
    expect(kept(['2020-01-01T00:00', '2021-01-01T00:00'], 'within:1d', '2026-01-01T00:00')).toEqual([
      '2021-01-01T00:00',
    ]);
    expect(
      kept(['2026-01-01T00:00', '2026-01-02T00:00', '2031-01-01T00:00'], 'last:1', '2026-01-03T00:00'),
    ).toEqual(['2031-01-01T00:00', '2026-01-02T00:00']);
  });

  it('summer time: the hour that comes twice is two, a day of 23 or 25 hours is one', () => {
    process.env['TZ'] = 'Europe/Berlin';
    const twice = every(HOUR, 2, Date.UTC(2026, 9, 25, 1, 30)); // 02:30 CET, 02:30 CEST
    expect(twice.map((one) => new Date(one.createdMs).getHours())).toEqual([2, 2]);
    expect(retain(twice, parseKeepRule('hourly:5'), Date.UTC(2026, 9, 25, 2)).keep).toHaveLength(2);
    const hours = every(HOUR, 49, new Date('2026-10-26T00:00').getTime());
    const { keep } = retain(hours, parseKeepRule('daily:3'), new Date('2026-10-26T00:00').getTime());
    expect(keep.map((one) => new Date(one.createdMs).getDate())).toEqual([26, 25, 24]);
  });

  it('one line of an unreadable rule says what is wrong', () => {
    expect(() => parseKeepRule('')).toThrow(/keeps nothing/);
    expect(() => parseKeepRule('dayly:7')).toThrow(/"dayly:7" is not one of/);
    expect(() => parseKeepRule('daily:0')).toThrow(/leave it out/);
    expect(() => parseKeepRule('daily:7 daily:8')).toThrow(/said twice/);
    expect(() => parseKeepRule('within:never')).toThrow(/time span/);
    expect(() => parseKeepRule('within:0')).toThrow(/keeps nothing/);
    expect(parseKeepRule('hourly:24, within:30d')).toEqual({ withinMs: 30 * DAY, periods: { hourly: 24 } });
  });
});

describe('retain, whatever there is', () => {
  const NOW = Date.UTC(2026, 9, 25, 12);
  const count = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });
  const rule: fc.Arbitrary<KeepRule> = fc
    .record({
      withinMs: fc.option(fc.integer({ min: 1, max: 60 * DAY }), { nil: undefined }),
      last: count,
      periods: fc.record({ hourly: count, daily: count, weekly: count, monthly: count, yearly: count }),
    })
    .map((value) => JSON.parse(JSON.stringify(value)) as KeepRule);
  const snapshots = fc
    .array(fc.integer({ min: NOW - 900 * DAY, max: NOW + 2 * DAY }), { maxLength: 60 })
    .map((times) => times.map((createdMs, i) => ({ name: `s${i}`, createdMs })));
  const zone = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Pacific/Apia',
  );

  it('loses nobody, keeps the newest and the future, and pruning twice is pruning once', () => {
    fc.assert(
      fc.property(zone, snapshots, rule, (tz, all, keepRule) => {
        process.env['TZ'] = tz;
        const once = retain(all, keepRule, NOW);
        expect([...once.keep, ...once.delete].map((one) => one.name).sort()).toEqual(
          all.map((one) => one.name).sort(),
        );
        const past = all.filter((one) => one.createdMs <= NOW);
        const newestMs = Math.max(...past.map((one) => one.createdMs));
        if (past.length > 0) expect(once.keep.some((one) => one.createdMs === newestMs)).toBe(true);
        expect(once.delete.every((one) => one.createdMs <= NOW)).toBe(true);
        const twice = retain(once.keep, keepRule, NOW);
        expect(twice.delete).toEqual([]);
        expect(twice.keep).toEqual(once.keep);
      }),
      { numRuns: 300 },
    );
  });

  it('pruning each day keeps what pruning once at the end keeps, for one kind of period', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('hourly', 'daily', 'weekly', 'monthly') as fc.Arbitrary<'daily'>,
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.integer({ min: NOW - 60 * DAY, max: NOW }), { maxLength: 60 }),
        (period, n, times) => {
          const keepRule: KeepRule = { periods: { [period]: n } };
          let there: { name: string; createdMs: number }[] = [];
          const all = times.sort((a, b) => a - b).map((createdMs, i) => ({ name: `s${i}`, createdMs }));
          for (const one of all) there = [...retain([...there, one], keepRule, one.createdMs).keep];
          const names = (list: readonly { name: string }[]) => list.map((one) => one.name).sort();
          expect(names(there)).toEqual(names(retain(all, keepRule, NOW).keep));
        },
      ),
      { numRuns: 200 },
    );
  });
});
