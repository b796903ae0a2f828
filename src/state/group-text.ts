import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Text of a file of a control group; undefined: there is none. */
export type Reader = (file: string) => string | undefined;

/** Words of each line. */
export function lines(text: string | undefined): string[][] {
  return (text ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/));
}

/** `anon 4096`, one a line. */
export function keyed(text: string | undefined): Map<string, number> {
  return new Map(lines(text).map(([key = '', value]) => [key, Number(value)]));
}

/** Null for a file that is not there, or empty. */
export function number(text: string | undefined): number | null {
  return text === undefined || text.trim() === '' ? null : Number(text);
}

/** v1 says none by the largest number of pages that there is. */
const NO_LIMIT = 2 ** 60;

/** Null: no limit. */
export function limit(text: string | undefined): number | null {
  const value = text?.trim() === 'max' ? null : number(text);
  return value === null || value >= NO_LIMIT ? null : value;
}

export function scaled(value: number | null | undefined, by: number): number | null {
  return value === null || value === undefined ? null : value / by;
}

/** Of a disk by its number, `8:0`; the number where it has none. */
export function nameOf(device: string): string {
  try {
    return basename(readlinkSync(`/sys/dev/block/${device}`));
  } catch {
    return device;
  }
}
