import { badValue, parsePercent, parseSizeBytes } from '../base/units.js';
import { parsePath } from './values.js';

/** As much as was said, a part of what the host has, or no limit. */
export type Amount = { readonly count: number } | { readonly fraction: number } | 'infinity';

function parseFraction(text: string, of = "the host's"): number {
  const fraction = parsePercent(text);
  if (fraction <= 0 || fraction > 1) throw badValue(`"${text}" is not a part of ${of}: 1% to 100%`);
  return fraction;
}

/** Less is no room for an init and what it starts. */
const MEMORY_MIN = 1 << 20;

/** `512M`, `20%` of the host's, `infinity`, `0`. */
export function parseMemory(text: string): Amount {
  if (text === 'infinity') return text;
  return text.endsWith('%') ? { fraction: parseFraction(text) } : { count: parseSizeBytes(text) };
}

/** What is kept for a container is never without end. */
export function parseKeptMemory(text: string): Amount {
  if (text === 'infinity')
    throw badValue('"infinity" cannot be kept for anybody; for all that there is: 100%');
  return parseMemory(text);
}

/** One that a container has to live with. */
export function parseMemoryLimit(text: string): Amount {
  const amount = parseMemory(text);
  if (typeof amount === 'object' && 'count' in amount && amount.count < MEMORY_MIN)
    throw badValue(`"${text}" is less than 1M: nothing could run`);
  return amount;
}

/** The kernel's own largest number of processes (PID_MAX_LIMIT, linux/threads.h). */
const TASKS_LIMIT = 4 * 1024 * 1024;

export function parseTasks(text: string): Amount {
  if (text === 'infinity') return text;
  if (text.endsWith('%')) return { fraction: parseFraction(text) };
  if (!/^\d{1,7}$/.test(text) || Number(text) < 1 || Number(text) > TASKS_LIMIT)
    throw badValue(`"${text}" is not a number of tasks from 1 to ${TASKS_LIMIT}, a percentage or infinity`);
  return { count: Number(text) };
}

/** systemd's: 1 to 10000, 100 the usual. */
export function parseWeight(text: string): number {
  const weight = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (weight < 1 || weight > 10000) throw badValue(`"${text}" is not a weight from 1 to 10000`);
  return weight;
}

/** `idle`: only what nobody else wants. */
export function parseCpuWeight(text: string): number | 'idle' {
  return text === 'idle' ? text : parseWeight(text);
}

/** Of one CPU: `150%` is one and a half. The kernel gives no less than 1 ms a period. */
export function parseQuota(text: string): number {
  const cpus = parsePercent(text);
  if (cpus < 0.01 || cpus > 1024) throw badValue(`"${text}" is not a share of CPUs from 1% to 102400%`);
  return cpus;
}

/** A unit's name has no more (systemd.unit(5)). */
const UNIT_NAME_MAX = 255;

/** `web.slice`, `web-front.slice` (systemd.slice(5)). */
export function parseSliceName(text: string): string {
  const isName = /^[A-Za-z0-9_][A-Za-z0-9:_.\\]*(-[A-Za-z0-9:_.\\]+)*\.slice$/.test(text);
  if (!isName || text.includes('..') || text.length > UNIT_NAME_MAX)
    throw badValue(`"${text}" is no name of a slice, such as web.slice, or web-front.slice for one in it`);
  return text;
}

/** What happens at MemoryMax=. */
export type OomPolicy =
  | { readonly is: 'kill' | 'kill-all' | 'freeze' | 'restart' }
  | {
      readonly is: 'raise';
      /** Part of the limit that it grows by each time. */
      readonly step: number;
      /** Up to there; absent: as far as the host goes. */
      readonly most?: Amount;
    };

/** `kill`, `kill-all`, `freeze`, `restart`, `raise:25%`, `raise:25%:4G`. */
export function parseOomPolicy(text: string): OomPolicy {
  if (text === 'kill' || text === 'kill-all' || text === 'freeze' || text === 'restart') return { is: text };
  const [, step, most] = /^raise:(\d+%)(?::(.+))?$/.exec(text) ?? [];
  if (step === undefined)
    throw badValue(`"${text}" is none of kill, kill-all, freeze, restart, raise:25% and raise:25%:4G`);
  return {
    is: 'raise',
    step: parseFraction(step, 'MemoryMax='),
    ...(most === undefined ? {} : { most: parseMemoryLimit(most) }),
  };
}

/** Of MemoryMax=: how far a container may go beyond it before the kernel kills. */
export function parseHeadroom(text: string): number {
  return parseFraction(text, 'MemoryMax=');
}

/** A limit for the disk that a path is on. */
export interface DeviceLimit {
  /** A block device, or any file: the disk that it is on. */
  readonly path: string;
  readonly value: number;
}

const DECIMAL: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** `/dev/sda 5M`; base 1000, as disks are measured (systemd.resource-control(5)). */
export function parseDeviceRate(text: string): readonly DeviceLimit[] {
  const [, path = '', digits = '', unit = ''] = /^(\S+)\s+(\d{1,12})([KMGT]?)$/.exec(text) ?? [];
  const value = Number(digits) * (DECIMAL[unit] ?? Number.NaN);
  if (path === '' || value < 1 || !Number.isSafeInteger(value))
    throw badValue(`"${text}" is not a path and a rate, such as "/var/lib/tsct 5M"`);
  return [{ path: parsePath(path), value }];
}

/** `/dev/sda 200`. */
export function parseDeviceWeight(text: string): readonly DeviceLimit[] {
  const [, path = '', weight = ''] = /^(\S+)\s+(\S+)$/.exec(text) ?? [];
  if (path === '') throw badValue(`"${text}" is not a path and a weight, such as "/var/lib/tsct 200"`);
  return [{ path: parsePath(path), value: parseWeight(weight) }];
}

/** A limit for huge pages of one size. */
export interface HugeTlbLimit {
  readonly pageBytes: number;
  /** Infinity: none. */
  readonly bytes: number;
}

/** `2M:1G`, `1G:infinity`. Sizes of pages are powers of two. */
export function parseHugeTlb(text: string): readonly HugeTlbLimit[] {
  const [page = '', limit, ...rest] = text.split(':');
  if (limit === undefined || rest.length > 0)
    throw badValue(`"${text}" is not a size of pages and a limit, such as 2M:1G`);
  const pageBytes = parseSizeBytes(page);
  if (pageBytes < 1024 || !Number.isInteger(Math.log2(pageBytes)))
    throw badValue(`"${page}" is not a size of huge pages, such as 2M`);
  return [{ pageBytes, bytes: limit === 'infinity' ? Number.POSITIVE_INFINITY : parseSizeBytes(limit) }];
}
