import { lines } from './group-text.js';

/** Some: at least one task waited; full: all of them did (kernel Documentation/accounting/psi.rst). */
export interface Pressure {
  readonly some: Stall;
  readonly full: Stall | null;
}

export interface Stall {
  /** Percent of the last 10, 60, 300 seconds. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  /** Seconds since the start. */
  readonly total: number;
}

/** What a file such as cpu.pressure says; null: there is none. */
export function pressure(text: string | undefined): Pressure | null {
  const stalls = new Map(lines(text).map(([what = '', ...words]) => [what, stall(words)]));
  const some = stalls.get('some');
  return some === undefined ? null : { some, full: stalls.get('full') ?? null };
}

function stall(words: readonly string[]): Stall {
  const of = new Map(words.map((word) => word.split('=') as [string, string]));
  const value = (key: string) => Number(of.get(key));
  return {
    avg10: value('avg10'),
    avg60: value('avg60'),
    avg300: value('avg300'),
    total: value('total') / 1e6,
  };
}
