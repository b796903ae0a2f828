import { describeKeys } from '../definition/key-help.js';
import { loadTexts } from '../definition/load.js';
import { type ConfigText, findRow, parseDefinition } from '../definition/parse.js';
import { type ContainerDefinition, instanceOf, settingName } from '../definition/schema.js';
import { readCompiled } from './compile.js';
import type { Context } from './context.js';

/**
 * Settings of a running container that were changed since its start, as `Section.Key`: they count from the next.
 * A config that cannot be read is one pending change, `config`: the next start will say what is wrong with it.
 */
export async function pendingKeys(ctx: Context, name: string): Promise<string[]> {
  const started = await readCompiled(ctx, name);
  if (!started) return [];
  let now: readonly ConfigText[];
  try {
    now = await loadTexts(ctx.layout.containerDir(name));
    if (JSON.stringify(now) === JSON.stringify(started.config)) return [];
    return changedKeys(parseDefinition(started.config), parseDefinition(now));
  } catch {
    return ['config'];
  }
}

/** Keys whose values differ. */
export function changedKeys(before: ContainerDefinition, after: ContainerDefinition): string[] {
  const interfaces = new Set([...before.interfaces, ...after.interfaces].map(({ name }) => name));
  return describeKeys([...interfaces])
    .filter(({ section, key }) => settingOf(before, section, key) !== settingOf(after, section, key))
    .map(({ section, key }) => settingName(section, key));
}

function settingOf(definition: ContainerDefinition, section: string, key: string): string {
  const sections = definition as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  const field = findRow(section, key)?.field ?? key;
  const instance = instanceOf(section);
  const values: Readonly<Record<string, unknown>> | undefined = instance
    ? definition.interfaces.find(({ name }) => name === instance.name)
    : sections[section.charAt(0).toLowerCase() + section.slice(1)];
  const value = values?.[field];
  // A list that is empty says as little as an interface that is not there.
  return JSON.stringify(Array.isArray(value) && value.length === 0 ? null : (value ?? null));
}
