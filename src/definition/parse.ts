import { TsctError } from '../base/errors.js';
import { badValue } from '../base/units.js';
import { configError, ERRORS_MAX, shorten, throwErrors, unknownKey, unknownSection } from './config-error.js';
import { deviceErrors } from './device-errors.js';
import { interfaceErrors } from './interface-errors.js';
import type { KeyRow } from './key-row.js';
import { scanLines } from './scan.js';
import {
  type ContainerDefinition,
  INSTANCE_SCHEMA,
  instanceOf,
  type Origin,
  rowsOf,
  SCHEMA,
  type SettingOrigin,
  settingName,
} from './schema.js';

/** One file's text and the name that messages call it by. */
export interface ConfigText {
  readonly file: string;
  readonly text: string;
}

type Rows = Readonly<Record<string, KeyRow>>;

/** Row of a key; undefined if there is no such key. */
export function findRow(section: string, key: string): KeyRow | undefined {
  const rows = rowsOf(section);
  return rows && Object.hasOwn(rows, key) ? rows[key] : undefined;
}

/** What the texts said so far. */
interface Collected {
  readonly settings: Map<string, Setting>;
  /** Names in the headers of [Network IF] sections, in order. */
  readonly interfaces: Set<string>;
  /** Values so far. */
  count: number;
}

interface Setting {
  readonly items: unknown[];
  readonly origins: SettingOrigin[];
}

/**
 * Several texts, later ones over earlier ones: a repeated list key adds, an empty value clears, a single key is
 * replaced. Twice in one file without clearing in between is an error, as one of the two would silently do nothing.
 * @throws TSCT_CONFIG_SYNTAX, TSCT_CONFIG_UNKNOWN_SECTION, TSCT_CONFIG_UNKNOWN_KEY, TSCT_CONFIG_VALUE,
 * TSCT_CONFIG_DUPLICATE: all that are wrong, each with file and line.
 */
export function parseDefinition(texts: readonly ConfigText[]): ContainerDefinition {
  const settings = new Map<string, Setting>();
  const names = new Set<string>();
  const collected: Collected = { settings, interfaces: names, count: 0 };
  throwErrors(texts.flatMap((text) => parseText(text, collected)));
  const valuesOf = (section: string, rows: Rows) =>
    Object.entries(rows).map(([key, row]) => [
      row.field,
      settledValue(row, settings.get(settingName(section, key))),
    ]);
  const values = Object.entries(SCHEMA).map(([section, rows]) => [
    section.charAt(0).toLowerCase() + section.slice(1),
    Object.fromEntries(valuesOf(section, rows)),
  ]);
  const interfaces = [...names].map((name) => ({
    name,
    ...Object.fromEntries(valuesOf(`Network ${name}`, INSTANCE_SCHEMA.Network)),
  }));
  const origins = new Map([...settings].map(([name, setting]) => [name, setting.origins]));
  // The table has the types: parseDefinition is the one place that has to be believed.
  const definition = { ...Object.fromEntries(values), interfaces, origins } as ContainerDefinition;
  throwErrors([...interfaceErrors(definition), ...deviceErrors(definition)]);
  return definition;
}

function settledValue(row: KeyRow, setting: Setting | undefined): unknown {
  if (row.list) return setting?.items ?? [];
  if (setting) return setting.items[0];
  return row.default === undefined ? undefined : row.parse(row.default);
}

function parseText({ file, text }: ConfigText, collected: Collected): TsctError[] {
  const errors: TsctError[] = [];
  for (const line of scanLines(text)) {
    if (errors.length === ERRORS_MAX) break;
    const origin: Origin = { file, line: line.line };
    try {
      if (line.kind === 'section') {
        if (!rowsOf(line.section)) throw unknownSection(line.section, origin);
        const instance = instanceOf(line.section);
        if (instance) collected.interfaces.add(instance.name);
      }
      if (line.kind === 'junk') {
        throw configError(
          'TSCT_CONFIG_SYNTAX',
          origin,
          `neither [Section] nor Key=Value: ${shorten(line.text)}`,
        );
      }
      // Keys of an unknown section would only repeat what its header was told.
      if (line.kind === 'entry' && (line.section === '' || rowsOf(line.section))) {
        applyEntry(line, origin, collected);
      }
    } catch (error) {
      if (!(error instanceof TsctError)) throw error;
      errors.push(error);
    }
  }
  return errors;
}

function applyEntry(
  { section, key, value }: { section: string; key: string; value: string },
  origin: Origin,
  collected: Collected,
): void {
  const { settings } = collected;
  if (section === '') {
    throw configError('TSCT_CONFIG_SYNTAX', origin, `${key}= stands before the first [Section]`);
  }
  const row = findRow(section, key);
  if (!row) throw unknownKey(section, key, origin);
  const name = settingName(section, key);
  if (value === '') {
    settings.delete(name);
    return;
  }
  const before = settings.get(name);
  const earlier = row.list ? undefined : before?.origins.find((place) => place.file === origin.file);
  if (earlier) {
    throw configError('TSCT_CONFIG_DUPLICATE', origin, `${key}= is set already in line ${earlier.line}`, {
      hint: 'take one of the two out',
    });
  }
  const parsed = parseValue(row, key, value, origin);
  const setting: Setting = (row.list && before) || { items: [], origins: [] };
  for (const item of row.list ? (parsed as readonly unknown[]) : [parsed]) {
    setting.items.push(item);
    setting.origins.push({ ...origin, text: value, order: collected.count++ });
  }
  settings.set(name, setting);
}

/** MAX_ARG_STRLEN (execve(2)): nothing longer could reach init as an argument or variable. */
const VALUE_LENGTH_MAX = 128 * 1024;

/** @throws TSCT_CONFIG_VALUE */
export function parseValue(row: KeyRow, key: string, value: string, origin: Origin): unknown {
  try {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(value)) throw badValue('has a control character in it');
    if (value.length > VALUE_LENGTH_MAX) throw badValue(`is longer than ${VALUE_LENGTH_MAX} characters`);
    return row.parse(value);
  } catch (error) {
    if (!(error instanceof TsctError)) throw error;
    throw configError('TSCT_CONFIG_VALUE', origin, `${key}=: ${shortenMessage(error.message)}`, {
      hint: `expected ${key}=${row.syntax}`,
      cause: error,
    });
  }
}

function shortenMessage(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
  return clean.length > 300 ? `${clean.slice(0, 297)}...` : clean;
}
