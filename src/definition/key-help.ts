import type { KeyRow } from './key-row.js';
import { INSTANCE_PLACEHOLDER, INSTANCE_SCHEMA, SCHEMA } from './schema.js';

/** One key of the config, described: for `config` verbs, completion and the man page. */
export interface KeyHelp extends Pick<KeyRow, 'syntax' | 'help' | 'list' | 'live'> {
  readonly section: string;
  readonly key: string;
  readonly unit?: string;
  readonly default?: string;
}

/**
 * All keys in the table's order.
 * @param interfaces names for the sections of which there may be several.
 */
export function describeKeys(interfaces: readonly string[] = [INSTANCE_PLACEHOLDER]): readonly KeyHelp[] {
  const instances = interfaces.map((name) => [`Network ${name}`, INSTANCE_SCHEMA.Network] as const);
  return [...Object.entries(SCHEMA), ...instances].flatMap(([section, rows]) =>
    Object.entries(rows).map(([key, row]: [string, KeyRow]) => ({
      section,
      key,
      syntax: row.syntax,
      help: row.help,
      list: row.list,
      live: row.live,
      ...(row.unit === undefined ? {} : { unit: row.unit }),
      ...(row.default === undefined ? {} : { default: row.default }),
    })),
  );
}
