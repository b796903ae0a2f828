import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Calendar, latestOccurrenceMs, parseCalendar } from '../../../src/base/calendar.js';
import { dueSchedules, scheduleMark, snapshotName } from '../../../src/storage/schedules.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ZONE = process.env['TZ'];
afterEach(() => {
  if (ZONE === undefined) delete process.env['TZ'];
  else process.env['TZ'] = ZONE;
});

const ms = (text: string) => new Date(text).getTime();
const latest = (calendar: string, now: string) =>
  new Date(latestOccurrenceMs(parseCalendar(calendar), ms(now))).toString().slice(0, 21);
/** Asks at each of these moments and takes what is due; when it took. */
function takenAt(when: string, momentsMs: readonly number[]): number[] {
  const schedule = { name: 'n', when: parseCalendar(when) };
  const taken: number[] = [];
  for (const nowMs of momentsMs) {
    const last = taken.slice(-2).map((createdMs) => ({ createdMs, by: scheduleMark('n') }));
    if (dueSchedules([schedule], last, nowMs).length > 0) taken.push(nowMs);
  }
  return taken;
}
const steps = (fromMs: number, toMs: number, stepMs: number) =>
  Array.from({ length: Math.floor((toMs - fromMs) / stepMs) + 1 }, (_, i) => fromMs + i * stepMs);

describe('latestOccurrenceMs', () => {
  it('of words and times', () => {
    expect(latest('hourly', '2026-03-04T05:06:07.008')).toBe('Wed Mar 04 2026 05:00');
    expect(latest('daily', '2026-03-04T00:00')).toBe('Wed Mar 04 2026 00:00');
    expect(latest('weekly', '2026-03-04T05:06')).toBe('Mon Mar 02 2026 00:00');
    expect(latest('monthly', '2026-03-04T05:06')).toBe('Sun Mar 01 2026 00:00');
    expect(latest('yearly', '2026-03-04T05:06')).toBe('Thu Jan 01 2026 00:00');
    expect(latest('02:30', '2026-03-01T02:29')).toBe('Sat Feb 28 2026 02:30');
    expect(latest('02:30', '2026-03-01T02:30')).toBe('Sun Mar 01 2026 02:30');
    expect(latest('Sun,thu 22:00', '2026-03-04T05:06')).toBe('Sun Mar 01 2026 22:00');
    expect(latest('Wed 22:00', '2026-03-04T05:06')).toBe('Wed Feb 25 2026 22:00');
  });

  it('a time that is leapt over comes later, one that comes twice counts once', () => {
    process.env['TZ'] = 'Europe/Berlin';
    expect(latest('02:30', '2026-03-29T04:00')).toBe('Sun Mar 29 2026 03:30');
    const night = steps(Date.UTC(2026, 9, 24, 20), Date.UTC(2026, 9, 25, 6), 5 * 60_000);
    expect(takenAt('02:30', night.slice(1))).toHaveLength(2); // the first at once, then 02:30 summer time
  });

  it('refuses what it does not know', () => {
    for (const text of ['', 'dayly', '24:00', '2:5', 'Mon', 'Mo 02:00', '*-*-* 02:00', 'constructor']) {
      expect(() => parseCalendar(text), text).toThrow(/is not one of/);
    }
  });
});

describe('dueSchedules', () => {
  it('one after many missed days, none when asked again, its own snapshots only', () => {
    const nightly = { name: 'nightly', when: parseCalendar('02:30') };
    const now = ms('2026-03-20T08:00');
    const old = { createdMs: ms('2026-03-01T02:30'), by: 'schedule nightly' };
    expect(dueSchedules([nightly], [old], now)).toEqual([nightly]);
    expect(dueSchedules([nightly], [old, { createdMs: now, by: 'schedule nightly' }], now)).toEqual([]);
    expect(dueSchedules([nightly], [old, { createdMs: now, by: 'manual' }], now)).toEqual([nightly]);
    expect(dueSchedules([nightly], [old, { createdMs: now, by: 'schedule nightly2' }], now)).toEqual([
      nightly,
    ]);
  });

  it('a snapshot from the future does not stop the schedule for years', () => {
    const nightly = { name: 'n', when: parseCalendar('daily') };
    expect(
      dueSchedules([nightly], [{ createdMs: ms('2031-01-01'), by: 'schedule n' }], ms('2026-03-20')),
    ).toHaveLength(1);
  });

  it('across a year of clock changes daily takes one a day, and hourly one an hour', () => {
    for (const zone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu']) {
      process.env['TZ'] = zone;
      const year = steps(ms('2026-01-01T00:00'), ms('2026-12-31T23:59'), 15 * 60_000);
      const days = takenAt('02:30', year).map((at) => new Date(at).toDateString());
      expect(new Set(days).size, zone).toBe(days.length - 1); // the very first, at once, and at 02:30
      expect(days.length, zone).toBe(366);
      const hours = takenAt('hourly', year).length;
      expect(Math.abs(hours - 365 * 24), zone).toBeLessThanOrEqual(2);
    }
  });

  it('whatever the clock does, asking twice at one moment takes one', () => {
    const when: fc.Arbitrary<Calendar> = fc.oneof(
      fc.constantFrom('hour', 'month', 'year').map((every) => ({ every }) as Calendar),
      fc.record({
        every: fc.constant('day' as const),
        weekdays: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }),
        minutes: fc.integer({ min: 0, max: 1439 }),
      }),
    );
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Pacific/Apia');
    const moments = fc.array(fc.integer({ min: 0, max: 400 * DAY }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(zone, when, moments, (tz, calendar, offsets) => {
        process.env['TZ'] = tz;
        const snapshots: { createdMs: number; by: string }[] = [];
        const schedule = { name: 'n', when: calendar };
        for (const offset of offsets) {
          const nowMs = Date.UTC(2026, 0, 1) + offset;
          const turnMs = latestOccurrenceMs(calendar, nowMs);
          expect(turnMs).toBeLessThanOrEqual(nowMs);
          if (dueSchedules([schedule], snapshots, nowMs).length > 0)
            snapshots.push({ createdMs: nowMs, by: scheduleMark('n') });
          expect(dueSchedules([schedule], snapshots, nowMs)).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('snapshotName', () => {
  it('fills in the pattern, and a number when the name is taken', () => {
    process.env['TZ'] = 'Europe/Berlin';
    const values = { container: 'web', schedule: 'nightly', nowMs: Date.UTC(2026, 6, 1, 23, 4, 5) };
    expect(snapshotName('{schedule}-{utc}', values, new Set())).toBe('nightly-20260701T230405Z');
    expect(snapshotName('{container}.{local}', values, new Set())).toBe('web.20260702T010405');
    const taken = new Set(['nightly-20260701T230405Z', 'nightly-20260701T230405Z-2']);
    expect(snapshotName('{schedule}-{utc}', values, taken)).toBe('nightly-20260701T230405Z-3');
  });
});
