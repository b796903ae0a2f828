import { TsctError } from './errors.js';

/** A value that a parser does not take; whoever knows the place adds it (`file:line: ...`). */
export function badValue(why: string): TsctError {
  return new TsctError('TSCT_BAD_VALUE', why);
}

const SIZE_EXPONENTS = 'BKMGTPE';

/**
 * Size in bytes, as systemd.resource-control(5) writes it: a number with an optional K, M, G, T, P or E, base 1024.
 * @throws TSCT_BAD_VALUE
 */
export function parseSizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([BKMGTPE])?$/.exec(text);
  const bytes = match ? Number(match[1]) * 1024 ** SIZE_EXPONENTS.indexOf(match[2] ?? 'B') : Number.NaN;
  if (!Number.isSafeInteger(Math.floor(bytes))) {
    throw badValue(
      `"${text}" is not a size: expected a number of bytes, or one with K, M, G or T, such as 512M`,
    );
  }
  return Math.floor(bytes);
}

/**
 * Bits per second, as Rate= of systemd.network(5): a number with an optional K, M or G, base 1000.
 * @throws TSCT_BAD_VALUE
 */
export function parseBitRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMG]?)$/.exec(text);
  const bits = match ? Math.round(Number(match[1]) * 1000 ** ' KMG'.indexOf(match[2] || ' ')) : Number.NaN;
  if (bits >= BIT_RATE_MIN && bits <= BIT_RATE_MAX) return bits;
  throw badValue(`"${text}" is not a rate from 64K to 1000G bits per second, such as 20M`);
}

/** Below that one full packet takes longer than a TCP waits for its first answers. */
const BIT_RATE_MIN = 64_000;
const BIT_RATE_MAX = 1e12;

const MICROSECONDS: Readonly<Record<string, number>> = {};
for (const [names, us] of [
  ['us usec µs μs', 1],
  ['ms msec', 1e3],
  ['s sec second seconds', 1e6],
  ['m min minute minutes', 60e6],
  ['h hr hour hours', 3_600e6],
  ['d day days', 86_400e6],
  ['w week weeks', 604_800e6],
  ['M month months', 2_629_800e6],
  ['y year years', 31_557_600e6],
] as const) {
  for (const name of names.split(' ')) (MICROSECONDS as Record<string, number>)[name] = us;
}

/**
 * Time span in microseconds, syntax of systemd.time(7): `2min 200ms`, `5`, `1h30m`.
 * @param bareUnitUs what a number without unit counts: one second unless told.
 * @throws TSCT_BAD_VALUE
 */
export function parseDurationUs(text: string, bareUnitUs = 1e6): number {
  const rest = text.trim();
  const parts = [...rest.matchAll(/(\d+(?:\.\d+)?)\s*([a-zA-Zµμ]*)\s*/gy)];
  const isWhole =
    parts.length > 0 && parts.reduce((length, part) => length + part[0].length, 0) === rest.length;
  const totalUs = parts.reduce(
    (sum, [, number, unit]) =>
      sum + Number(number) * (unit ? (MICROSECONDS[unit] ?? Number.NaN) : bareUnitUs),
    0,
  );
  if (!isWhole || !Number.isSafeInteger(Math.round(totalUs))) {
    throw badValue(`"${text}" is not a time span: expected seconds, or units such as 500ms, 2min 30s, 1h`);
  }
  return Math.round(totalUs);
}

/** Time span in milliseconds: see {@link parseDurationUs}. */
export function parseDurationMs(text: string): number {
  return Math.round(parseDurationUs(text) / 1e3);
}

/**
 * Percentage as a fraction: `20%` is 0.2. Above 100% is taken; callers that mind say so.
 * @throws TSCT_BAD_VALUE
 */
export function parsePercent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (!match) throw badValue(`"${text}" is not a percentage such as 20%`);
  return Number(match[1]) / 100;
}

/** `1.5M`, `512K`, `20`: the shortest size with at most one digit after the point, base 1024. */
export function formatSize(sizeBytes: number): string {
  let value = sizeBytes;
  let exponent = 0;
  while (value >= 1024 && exponent < SIZE_EXPONENTS.length - 1) {
    value /= 1024;
    exponent++;
  }
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)}${exponent === 0 ? '' : SIZE_EXPONENTS[exponent]}`;
}
