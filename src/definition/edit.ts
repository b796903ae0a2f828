import { ExitCode, TsctError } from '../base/errors.js';
import { configError, unknownKey, unknownSection } from './config-error.js';
import { findRow, parseValue } from './parse.js';
import { type Line, scanLines } from './scan.js';
import { type Origin, rowsOf } from './schema.js';

/** One edit of one key. */
export interface ConfigChange {
  readonly section: string;
  readonly key: string;
  /**
   * set: the key has this value and no other; append: one more line of a list; unset: no line of it is left.
   * An empty value writes `Key=`, which clears what earlier files say.
   */
  readonly op: 'set' | 'append' | 'unset';
  /** One line; ignored by unset. */
  readonly value: string;
}

type Entry = Extract<Line, { kind: 'entry' }>;

/**
 * The text with one key changed and every other byte as it was.
 * @param file what messages call the place of the change, such as `--set`.
 * @throws TSCT_CONFIG_UNKNOWN_SECTION, TSCT_CONFIG_UNKNOWN_KEY, TSCT_CONFIG_VALUE
 */
export function editText(text: string, change: ConfigChange, file: string): string {
  const value = checkChange(change, file);
  const lines = [...scanLines(text)];
  const entries = lines.filter(
    (line): line is Entry =>
      line.kind === 'entry' && line.section === change.section && line.key === change.key,
  );
  const last = entries.at(-1);
  const group = findRow(change.section, change.key)?.group;
  if (change.op === 'unset') return removeEntries(text, entries);
  if (group !== undefined && change.op === 'append') {
    const mate = lines.findLast(
      (line) =>
        line.kind === 'entry' &&
        line.section === change.section &&
        findRow(line.section, line.key)?.group === group,
    );
    if (mate) return insertAfter(text, mate, `${change.key}=${value}`);
  }
  if (last && change.op === 'append') return insertAfter(text, last, `${change.key}=${value}`);
  // The one line that stays is the last: what stands before it could clear or repeat it.
  if (last) return removeEntries(replaceValue(text, last, value), entries.slice(0, -1));
  const anchor = lines.findLast(
    (line) => (line.kind === 'entry' || line.kind === 'section') && line.section === change.section,
  );
  if (anchor) return insertAfter(text, anchor, `${change.key}=${value}`);
  return appendSection(text, lines.at(-1), change, value);
}

/** The value as it is written: one trimmed line that reads back as itself. A change comes from a command line. */
function checkChange(change: ConfigChange, said: string): string {
  try {
    return checkedValue(change, { file: said, line: 0 });
  } catch (error) {
    if (!(error instanceof TsctError)) throw error;
    throw new TsctError(error.code, error.message, {
      exitCode: ExitCode.Usage,
      ...(error.hint ? { hint: error.hint } : {}),
      cause: error,
    });
  }
}

function checkedValue({ section, key, op, value }: ConfigChange, origin: Origin): string {
  if (!rowsOf(section)) throw unknownSection(section, origin);
  const row = findRow(section, key);
  if (!row) throw unknownKey(section, key, origin);
  const trimmed = value.trim();
  if (op === 'unset' || trimmed === '') return '';
  if (trimmed.endsWith('\\') || trimmed.includes('\n')) {
    throw configError(
      'TSCT_CONFIG_VALUE',
      origin,
      `${key}=: a value is one line and does not end in a backslash`,
    );
  }
  parseValue(row, key, trimmed, origin);
  return trimmed;
}

/** The text without a section: its headers and settings; comments stay. */
export function removeSection(text: string, section: string): string {
  const own = [...scanLines(text)].filter(
    (line) => (line.kind === 'entry' || line.kind === 'section') && line.section === section,
  );
  return own.reduceRight((rest, { start, end }) => rest.slice(0, start) + rest.slice(end), text);
}

/** The text without the lines of a key that say one of these. */
export function removeValues(
  text: string,
  { section, key }: Pick<ConfigChange, 'section' | 'key'>,
  isOne: (value: string) => boolean,
): string {
  const entries = [...scanLines(text)].filter(
    (line): line is Entry =>
      line.kind === 'entry' && line.section === section && line.key === key && isOne(line.value),
  );
  return removeEntries(text, entries);
}

function removeEntries(text: string, entries: readonly Entry[]): string {
  return entries.reduceRight((rest, { start, end }) => rest.slice(0, start) + rest.slice(end), text);
}

/** Keeps the indentation, the blanks around `=` and the line's end. */
function replaceValue(text: string, { start, end }: Entry, value: string): string {
  const line = text.slice(start, end);
  const head = /^[^=]*=[^\S\r\n]*/.exec(line)?.[0] ?? '';
  const tail = /\r?\n?$/.exec(line)?.[0] ?? '';
  return text.slice(0, start) + head + value + tail + text.slice(end);
}

function lineEnd(text: string): string {
  return /^[^\n]*\r\n/.test(text) ? '\r\n' : '\n';
}

/** What must stand between a line and a new one behind it. */
function separator(text: string, { end, isOpen }: Line, eol: string): string {
  return (text.slice(0, end).endsWith('\n') ? '' : eol) + (isOpen ? eol : '');
}

function insertAfter(text: string, line: Line, added: string): string {
  const eol = lineEnd(text);
  return `${text.slice(0, line.end)}${separator(text, line, eol)}${added}${eol}${text.slice(line.end)}`;
}

function appendSection(text: string, last: Line | undefined, change: ConfigChange, value: string): string {
  const eol = lineEnd(text);
  const gap = last ? separator(text, last, eol) + (last.kind === 'blank' ? '' : eol) : '';
  return `${text}${gap}[${change.section}]${eol}${change.key}=${value}${eol}`;
}

/**
 * `Section.Key` is a key of [Section], `Network.eth0.Key` one of [Network eth0]; undefined for what is neither.
 * The name in the middle may have dots.
 */
export function splitSettingName(text: string): Pick<ConfigChange, 'section' | 'key'> | undefined {
  const [, kind, name, key] = /^([A-Za-z]+)\.(?:([^=\s]+)\.)?([A-Za-z0-9]+)$/.exec(text) ?? [];
  if (kind === undefined || key === undefined) return undefined;
  return { section: name === undefined ? kind : `${kind} ${name}`, key };
}

/**
 * Reads `Section.Key=VALUE`, as `--set` takes it: a list key gets one more line, any other is set.
 * @throws TSCT_CONFIG_ASSIGNMENT (exit 2)
 */
export function parseAssignment(text: string): ConfigChange {
  const equals = text.indexOf('=');
  const name = splitSettingName(text.slice(0, Math.max(equals, 0)));
  if (name === undefined) {
    throw new TsctError(
      'TSCT_CONFIG_ASSIGNMENT',
      `cannot read "${text.slice(0, 80)}": expected Section.Key=VALUE`,
      {
        exitCode: ExitCode.Usage,
        hint: 'for example --set Exec.Hostname=web.example',
      },
    );
  }
  const op = findRow(name.section, name.key)?.list ? 'append' : 'set';
  return { ...name, value: text.slice(equals + 1), op };
}
