import { readFileSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';

/** RFC 4122 text form, as the kernel and Node write it. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
}

/** The fields of a JSON record of ours, each read with a check: a damaged file is an error, never `undefined`. */
export class RecordReader {
  private constructor(
    private readonly path: string,
    private readonly fields: Readonly<Record<string, unknown>>,
  ) {}

  /**
   * Reads a JSON file of tsct and checks its format number.
   * @throws TSCT_NEWER_FORMAT (exit 5) for a file of a newer tsct, TSCT_DAMAGED_RECORD, or the system error.
   */
  static async open(path: string, knownFormat: number): Promise<RecordReader> {
    return RecordReader.parse(path, readFileSync(path, 'utf8'), knownFormat);
  }

  static parse(path: string, text: string, knownFormat: number): RecordReader {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw damaged(path, 'it is not JSON', cause);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw damaged(path, 'not an object');
    const reader = new RecordReader(path, value as Record<string, unknown>);
    const format = reader.integer('format');
    if (format > knownFormat) {
      throw new TsctError(
        'TSCT_NEWER_FORMAT',
        `cannot read ${path}: it has format ${format}, this tsct knows ${knownFormat}`,
        { exitCode: ExitCode.HostLacks, hint: 'it was written by a newer tsct: install that version' },
      );
    }
    return reader;
  }

  string(key: string): string {
    return this.need(key, (v): v is string => typeof v === 'string', 'a string');
  }

  integer(key: string): number {
    return this.need(
      key,
      (v): v is number => Number.isSafeInteger(v) && (v as number) >= 0,
      'a whole number',
    );
  }

  strings(key: string): string[] {
    return this.need(
      key,
      (v): v is string[] => Array.isArray(v) && v.every((item) => typeof item === 'string'),
      'a list of strings',
    );
  }

  stringMap(key: string): Record<string, string> {
    return this.need(
      key,
      (v): v is Record<string, string> =>
        typeof v === 'object' &&
        v !== null &&
        !Array.isArray(v) &&
        Object.values(v).every((s) => typeof s === 'string'),
      'an object of strings',
    );
  }

  /** @throws TSCT_DAMAGED_RECORD naming the file, the key and what was expected. */
  need<T>(key: string, matches: (value: unknown) => value is T, expected: string): T {
    const value = this.fields[key];
    if (!matches(value)) throw damaged(this.path, `"${key}" is not ${expected}`);
    return value;
  }

  /** As `need`; undefined when the key is not there. */
  optional<T>(key: string, matches: (value: unknown) => value is T, expected: string): T | undefined {
    return this.fields[key] === undefined ? undefined : this.need(key, matches, expected);
  }

  oneOf<const T extends string>(key: string, values: readonly T[]): T {
    return this.need(key, (v): v is T => values.includes(v as T), values.join(' or '));
  }
}

function damaged(path: string, why: string, cause?: unknown): TsctError {
  return new TsctError('TSCT_DAMAGED_RECORD', `cannot read ${path}: ${why}`, {
    hint: 'the file belongs to tsct and must not be edited: put it back from a backup, or destroy the container with --force',
    ...(cause === undefined ? {} : { cause }),
  });
}
