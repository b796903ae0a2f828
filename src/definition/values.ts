import { nearest } from '../base/nearest.js';
import { KNOWN_SYSCALLS, SYSCALL_GROUPS } from '../base/syscalls.js';
import { badValue } from '../base/units.js';
import { CAPABILITIES } from './capability-names.js';

/** yes/no as systemd writes them (systemd.syntax(7)). */
export function parseBoolean(text: string): boolean {
  const word = text.toLowerCase();
  if (['1', 'yes', 'true', 'on'].includes(word)) return true;
  if (['0', 'no', 'false', 'off'].includes(word)) return false;
  throw badValue(`"${text}" is not yes or no`);
}

/** Whole number within bounds, ends included. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw badValue(`"${text}" is not a whole number from ${min} to ${max}`);
    return value;
  };
}

/** One of some words. */
export function parseChoice<const T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw badValue(`"${text}" is not one of ${choices.join(', ')}`);
    return found;
  };
}

const parseKnownDriver = parseChoice('overlay', 'btrfs', 'reflink', 'lvm-thin', 'dir');

/** A storage driver (src/storage/drivers.ts). Whoever has used Incus or LXC looks for zfs. */
export function parseDriver(text: string): ReturnType<typeof parseKnownDriver> {
  if (text !== 'zfs') return parseKnownDriver(text);
  throw badValue(
    'there is no driver zfs: roots are id-mapped, which OpenZFS can since 2.2, and Debian 12 has 2.1',
  );
}

/** VG/POOL, of characters that lvm(8) has in names. */
export function parsePool(text: string): string {
  const name = '[a-zA-Z0-9_.+][a-zA-Z0-9_.+-]*';
  if (!new RegExp(`^${name}/${name}$`).test(text)) throw badValue(`"${text}" is not VG/POOL`);
  return text;
}

/** Absolute, normalised path: no `.` or `..`, no doubled or trailing slash. */
export function parsePath(text: string): string {
  if (!text.startsWith('/')) throw badValue(`"${text}" is not an absolute path`);
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw badValue(`"${text}" has a ".." in it`);
  if (text.length > 4095) throw badValue('the path is longer than 4095 bytes');
  return `/${parts.join('/')}`;
}

/** Host name (hostname(7)): labels of letters, digits and -, 64 characters at most (sethostname(2)). */
export function parseHostname(text: string): string {
  const isValid = text.length <= 64 && /^(?!-)[a-zA-Z0-9-]+(?<!-)(\.(?!-)[a-zA-Z0-9-]+(?<!-))*$/.test(text);
  if (!isValid) throw badValue(`"${text}" is not a host name: letters, digits, - and . up to 64 characters`);
  return text;
}

/** sd_id128_from_string(3): 32 hex digits, or a UUID with its dashes; all zeros is none. @returns 32 lower-case digits. */
export function parseMachineId(text: string): string {
  const isUuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
  const id = (isUuid ? text.replaceAll('-', '') : text).toLowerCase();
  if (!/^(?!0{32})[\da-f]{32}$/.test(id)) throw badValue(`"${text}" is no machine-id: 32 hexadecimal digits`);
  return id;
}

/**
 * Splits as systemd.syntax(7) and shells do: blanks separate, quotes keep, backslash escapes.
 * @throws TSCT_BAD_VALUE for a quote that is not closed.
 */
export function parseWords(text: string): readonly string[] {
  const words: string[] = [];
  const token = /\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)/gy;
  let end = 0;
  for (const match of text.matchAll(token)) {
    end = match.index + match[0].length;
    words.push(unquote(match[1] ?? ''));
  }
  if (text.slice(end).trim() !== '')
    throw badValue(`${text.slice(end).trim()} has a quote or backslash with no end`);
  return words;
}

function unquote(word: string): string {
  return word.replace(
    /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g,
    (_, double?: string, single?: string, escaped?: string) =>
      double !== undefined ? double.replace(/\\(.)/g, '$1') : (single ?? escaped ?? ''),
  );
}

/** `NAME=VALUE` items, several on a line as systemd.exec(5) Environment= has them. */
export function parseEnvironment(text: string): readonly string[] {
  const words = parseWords(text);
  for (const word of words) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*=/.test(word)) {
      throw badValue(`"${word}" is not NAME=VALUE (letters, digits and _ in the name)`);
    }
  }
  return words;
}

/** Names of capabilities(7), with or without CAP_, or `all`. */
export function parseCapabilities(text: string): readonly string[] {
  return text.split(/[\s,]+/).flatMap((word) => {
    if (word === 'all') return CAPABILITIES;
    const name = word.toUpperCase().startsWith('CAP_') ? word.toUpperCase() : `CAP_${word.toUpperCase()}`;
    if (CAPABILITIES.includes(name)) return [name];
    throw badValue(`"${word}" is not a capability; nearest is ${nearest(name, CAPABILITIES)}`);
  });
}

/** Items of SystemCallFilter=: names and @groups; a leading ~ refuses all of the line. */
export interface SyscallRule {
  readonly name: string;
  readonly isAllowed: boolean;
}

export function parseSyscallFilter(text: string): readonly SyscallRule[] {
  const isAllowed = !text.startsWith('~');
  const valid = [...KNOWN_SYSCALLS, ...Object.keys(SYSCALL_GROUPS)];
  return text
    .replace(/^~/, '')
    .trim()
    .split(/[\s,]+/)
    .map((name) => {
      if (!valid.includes(name)) {
        throw badValue(`"${name}" is not a system call or @group; nearest is ${nearest(name, valid)}`);
      }
      return { name, isAllowed };
    });
}

const SIGNALS = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG ' +
  'XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');
/** signal(7): SIGRTMIN as programs see it under glibc and musl. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/** Signal as number, from `SIGTERM`, `TERM`, `SIGRTMIN+3`, `37`. */
export function parseSignal(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RTMIN(?:\+(\d+))?$|^RTMAX(?:-(\d+))?$/.exec(name);
  const number = realtime
    ? name.startsWith('RTMIN')
      ? SIGRTMIN + Number(realtime[1] ?? 0)
      : SIGRTMAX - Number(realtime[2] ?? 0)
    : /^\d+$/.test(name)
      ? Number(name)
      : SIGNALS.indexOf(name) + 1;
  const isValid = (number >= 1 && number <= 31) || (number >= SIGRTMIN && number <= SIGRTMAX);
  if (!isValid) throw badValue(`"${text}" is not a signal such as SIGTERM or SIGRTMIN+3`);
  return number;
}

/** CPU_SETSIZE of glibc (cpu_set(3)). */
const CPUS_MAX = 1024;

/** Numbers of CPUs and ranges of them: `0 2-3,8`. */
export function parseCpus(text: string): readonly number[] {
  return text.split(/[\s,]+/).flatMap((word) => {
    const [, first = '', last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(word) ?? [];
    const length = Number(last) - Number(first) + 1;
    if (first === '' || length < 1 || Number(last) >= CPUS_MAX) {
      throw badValue(`"${word}" is not a CPU or a range of them, such as 0 or 2-3, below ${CPUS_MAX}`);
    }
    return Array.from({ length }, (_, i) => Number(first) + i);
  });
}

/** Names of containers, for After=. */
export function parseNames(text: string): readonly string[] {
  const names = text.split(/\s+/);
  for (const name of names) {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,63}$/.test(name)) throw badValue(`"${name}" is not a container's name`);
  }
  return names;
}
