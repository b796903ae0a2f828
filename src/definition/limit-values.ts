import { badValue, parseDurationUs, parseSizeBytes } from '../base/units.js';

/** A pair for setrlimit(2); Infinity for RLIM_INFINITY. */
export interface LimitValue {
  readonly soft: number;
  readonly hard: number;
}

function limit(parseOne: (text: string) => number): (text: string) => LimitValue {
  const parse = (text: string) => (text === 'infinity' ? Number.POSITIVE_INFINITY : parseOne(text));
  return (text) => {
    const [first = '', second, ...rest] = text.split(':');
    const soft = parse(first);
    const hard = second === undefined ? soft : parse(second);
    if (rest.length > 0 || soft > hard)
      throw badValue(`"${text}" is not SOFT or SOFT:HARD with SOFT <= HARD`);
    return { soft, hard };
  };
}

function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badValue(`"${text}" is not a whole number or infinity`);
  return Number(text);
}

/** RLIMIT_NICE holds 20 - nice (getrlimit(2)); systemd takes `+5` and `-5` as nice levels. */
function parseNice(text: string): number {
  const isLevel = /^[+-]\d{1,2}$/.test(text);
  const value = isLevel ? 20 - Number(text) : parseCount(text);
  if (value < (isLevel ? 1 : 0) || value > 40)
    throw badValue(`"${text}" is not a nice level from -20 to +19`);
  return value;
}

export const parseSizeLimit = limit(parseSizeBytes);
export const parseCountLimit = limit(parseCount);
export const parseNiceLimit = limit(parseNice);
/** RLIMIT_CPU counts seconds: part of one counts as one. */
export const parseSecondsLimit = limit((text) => Math.ceil(parseDurationUs(text) / 1e6));
/** RLIMIT_RTTIME counts microseconds, and a bare number is that. */
export const parseMicrosecondsLimit = limit((text) => parseDurationUs(text, 1));
