import { TsctError, TsctErrors } from '../base/errors.js';
import { nearest } from '../base/nearest.js';
import { INSTANCE_PLACEHOLDER, INSTANCE_SCHEMA, instanceOf, type Origin, SCHEMA } from './schema.js';

/** More than this many is noise: the first ones are mended first. */
export const ERRORS_MAX = 20;

/** `file:line: why`. */
export function configError(
  code: `TSCT_CONFIG_${string}`,
  { file, line }: Origin,
  why: string,
  options: { hint?: string; cause?: unknown } = {},
): TsctError {
  return new TsctError(code, `${line > 0 ? `${file}:${line}` : file}: ${why}`, options);
}

/** @throws the errors that were found, as one. */
export function throwErrors(errors: readonly TsctError[]): void {
  const [first, ...rest] = errors.slice(0, ERRORS_MAX);
  if (first && rest.length > 0) throw new TsctErrors([first, ...rest]);
  if (first) throw first;
}

const ALL_ROWS: Readonly<Record<string, object>> = {
  ...SCHEMA,
  ...Object.fromEntries(
    Object.entries(INSTANCE_SCHEMA).map(([kind, rows]) => [`${kind} ${INSTANCE_PLACEHOLDER}`, rows]),
  ),
};
const SECTIONS: readonly string[] = Object.keys(ALL_ROWS);
const ALL_KEYS: readonly string[] = Object.entries(ALL_ROWS).flatMap(([section, rows]) =>
  Object.keys(rows).map((key) => `${section}.${key}`),
);

export function unknownSection(section: string, origin: Origin): TsctError {
  const [, kind, name] = /^(\S+) (.+)$/.exec(section) ?? [];
  if (kind !== undefined && name !== undefined && Object.hasOwn(INSTANCE_SCHEMA, kind)) {
    const why = `[${shorten(section)}]: "${shorten(name)}" is not a name for an interface`;
    return configError('TSCT_CONFIG_UNKNOWN_SECTION', origin, why, {
      hint: 'allowed are 1 to 15 letters, digits, dots, dashes and underscores, beginning with a letter or digit, and not lo',
    });
  }
  return configError('TSCT_CONFIG_UNKNOWN_SECTION', origin, `unknown section [${shorten(section)}]`, {
    hint: `nearest is [${nearest(section, SECTIONS)}]; there are ${SECTIONS.map((s) => `[${s}]`).join(' ')}`,
  });
}

/** Names the nearest key: one of the same section unless another section has exactly this one. */
export function unknownKey(section: string, key: string, origin: Origin): TsctError {
  const instance = instanceOf(section);
  const known = instance ? `${instance.kind} ${INSTANCE_PLACEHOLDER}` : section;
  const elsewhere = ALL_KEYS.find((name) => name.split('.')[1]?.toLowerCase() === key.toLowerCase());
  const [near = '', nearKey] = (elsewhere ?? nearest(`${known}.${key}`, ALL_KEYS)).split('.');
  const nearSection = near === known ? section : near;
  return configError(
    'TSCT_CONFIG_UNKNOWN_KEY',
    origin,
    `unknown key ${shorten(key)}= in [${shorten(section)}]`,
    { hint: `did you mean ${nearKey}= in [${nearSection}]?` },
  );
}

/** For messages: no control characters, and not a screenful. */
export function shorten(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
  return clean.length > 60 ? `${clean.slice(0, 57)}...` : clean;
}
