import { readFile } from 'node:fs/promises';
import { ExitCode, TsctError } from '../base/errors.js';
import {
  type ConfigChange,
  editText,
  parseAssignment,
  removeSection,
  splitSettingName,
} from '../definition/edit.js';
import { describeKeys } from '../definition/key-help.js';
import { loadTexts } from '../definition/load.js';
import { type ConfigText, findRow, parseDefinition } from '../definition/parse.js';
import { scanLines } from '../definition/scan.js';
import { instanceOf, settingName } from '../definition/schema.js';
import { type ChangeResult, changeConfig } from './change-config.js';
import type { Context } from './context.js';
import { readCompiled, runtimeTexts } from './kept-plan.js';
import { observe } from './observe.js';
import { isLimit } from './pending.js';
import { editRuntime } from './runtime-settings.js';

/** What one key is set to. */
export interface ConfigValue {
  readonly section: string;
  readonly key: string;
  /** One for each line that counts; empty when not set. */
  readonly values: readonly string[];
  /** What counts when nothing is set. */
  readonly default?: string;
}

/** Texts of the config, its drop-ins and what holds until it stops, in the order they count. */
export async function configTexts(ctx: Context, name: string): Promise<readonly ConfigText[]> {
  ctx.store.need(name);
  const texts = await loadTexts(ctx.layout.containerDir(name));
  const { status } = await observe(ctx, name);
  return status ? [...texts, ...runtimeTexts((await readCompiled(ctx, name))?.runtime)] : texts;
}

/** The values of one key as they were written, cleared ones left out. @throws TSCT_CONFIG_UNKNOWN_KEY (exit 2). */
export async function configGet(ctx: Context, name: string, path: string): Promise<ConfigValue> {
  const { section, key } = splitKey(path);
  const texts = await configTexts(ctx, name);
  parseDefinition(texts);
  // An edit that changes nothing: refuses a key that is not in the table, with the nearest one as hint.
  editText('', { section, key, op: 'unset', value: '' }, path);
  const row = findRow(section, key);
  return {
    section,
    key,
    values: valuesOf(texts, section, key, row?.list ?? false),
    ...(row?.default === undefined ? {} : { default: row.default }),
  };
}

/** Every key that is set. */
export async function configShow(ctx: Context, name: string): Promise<ConfigValue[]> {
  const texts = await configTexts(ctx, name);
  const { interfaces } = parseDefinition(texts);
  return describeKeys(interfaces.map(({ name: link }) => link))
    .map(({ section, key, list }) => ({ section, key, values: valuesOf(texts, section, key, list) }))
    .filter(({ values }) => values.length > 0);
}

function valuesOf(texts: readonly ConfigText[], section: string, key: string, list: boolean): string[] {
  let values: string[] = [];
  for (const { text } of texts) {
    for (const line of scanLines(text)) {
      if (line.kind !== 'entry' || line.section !== section || line.key !== key) continue;
      if (line.value === '') values = [];
      else values = list ? [...values, line.value] : [line.value];
    }
  }
  return values;
}

export interface SetOptions {
  /** Adds to a list instead of replacing it. */
  readonly append?: boolean;
  /** Until the container stops only; for [Resources]. */
  readonly runtime?: boolean;
}

/**
 * Changes settings, all or none; comments and every other byte stay.
 * @param assignments `Section.Key=VALUE` each.
 * @throws TSCT_CONFIG_*, TSCT_USAGE for what cannot hold until it stops; nothing is changed then.
 */
export async function configSet(
  ctx: Context,
  name: string,
  assignments: readonly string[],
  options: SetOptions,
): Promise<ChangeResult> {
  const op = options.append ? 'append' : 'set';
  return change(
    ctx,
    name,
    assignments.map((text) => ({ ...parseAssignment(text), op })),
    options,
  );
}

function change(
  ctx: Context,
  name: string,
  changes: readonly ConfigChange[],
  { runtime }: SetOptions,
): Promise<ChangeResult> {
  const named = changes.map(nameOf);
  if (!runtime) return changeConfig(ctx, name, { config: (text) => applyChanges(text, changes), named });
  const other = named.find((one) => !isLimit(one));
  if (other !== undefined) throw notForRuntime(other);
  return changeConfig(ctx, name, { runtime: (text) => editRuntime(text, changes), named });
}

function notForRuntime(key: string): TsctError {
  return new TsctError(
    'TSCT_USAGE',
    `cannot change ${key} until the container stops: --runtime is for limits`,
    {
      exitCode: ExitCode.Usage,
      hint: 'leave --runtime out: the config keeps it then',
    },
  );
}

/** @param keys `Section.Key`, or `Network IF` for the whole of that section. */
export async function configUnset(
  ctx: Context,
  name: string,
  keys: readonly string[],
  options: Pick<SetOptions, 'runtime'> = {},
): Promise<ChangeResult> {
  const sections = keys.filter((key) => instanceOf(key));
  const changes = keys
    .filter((key) => !instanceOf(key))
    .map((key) => ({ ...splitKey(key), op: 'unset' as const, value: '' }));
  if (sections.length === 0) return change(ctx, name, changes, options);
  if (options.runtime) throw notForRuntime(sections[0] ?? '');
  const config = (text: string) => applyChanges(sections.reduce(removeSection, text), changes);
  const result = await changeConfig(ctx, name, { config, named: changes.map(nameOf) });
  const left = parseDefinition(await configTexts(ctx, name)).interfaces.map((of) => `Network ${of.name}`);
  const section = sections.find((one) => left.includes(one));
  if (section !== undefined) ctx.warn(`[${section}] is in a file of config.d, too: it stays`);
  return result;
}

function nameOf({ section, key }: ConfigChange): string {
  return settingName(section, key);
}

function applyChanges(text: string, changes: readonly ConfigChange[]): string {
  return changes.reduce((edited, one) => editText(edited, one, nameOf(one)), text);
}

/**
 * Replaces the whole text.
 * @throws TSCT_CONFIG_CHANGED when somebody else changed it since `before` was read; TSCT_CONFIG_*.
 */
export async function replaceConfig(
  ctx: Context,
  name: string,
  texts: { readonly before: string; readonly after: string },
): Promise<ChangeResult> {
  const config = (now: string) => {
    if (now === texts.before) return texts.after;
    throw new TsctError(
      'TSCT_CONFIG_CHANGED',
      `cannot change the config of ${name}: somebody else just did`,
      {
        exitCode: ExitCode.WrongState,
        hint: 'look at it and edit again',
      },
    );
  };
  return changeConfig(ctx, name, { config });
}

/** The config as bytes on disk, unread: `config edit` must be able to mend a broken one. */
export async function rawConfig(ctx: Context, name: string): Promise<string> {
  ctx.store.need(name);
  return readFile(ctx.layout.configFile(name), 'utf8');
}

/** `Section.Key`, `Network.eth0.Key`. @throws TSCT_CONFIG_KEY (exit 2). */
function splitKey(path: string): { readonly section: string; readonly key: string } {
  const name = splitSettingName(path);
  if (name) return name;
  throw new TsctError('TSCT_CONFIG_KEY', `"${path}" is not the name of a setting`, {
    exitCode: ExitCode.Usage,
    hint: 'settings are called Section.Key, for example Exec.Hostname; see tsct.conf(5)',
  });
}
