import { DEVICE_KEYS } from '../definition/device-keys.js';
import { splitSettingName } from '../definition/edit.js';
import { describeKeys } from '../definition/key-help.js';
import { loadTexts } from '../definition/load.js';
import { type ConfigText, findRow, parseDefinition } from '../definition/parse.js';
import { type ContainerDefinition, instanceOf, settingName } from '../definition/schema.js';
import type { Context } from './context.js';
import { type Compiled, readCompiled, runtimeTexts } from './kept-plan.js';

/**
 * Settings of a running container that were changed since its start, as `Section.Key`: they count from the next.
 * A config that cannot be read is one pending change, `config`: the next start will say what is wrong with it.
 */
export async function pendingKeys(ctx: Context, name: string): Promise<string[]> {
  const started = await readCompiled(ctx, name);
  if (!started) return [];
  let now: readonly ConfigText[];
  try {
    now = [...(await loadTexts(ctx.layout.containerDir(name))), ...runtimeTexts(started.runtime)];
    if (JSON.stringify(now) === JSON.stringify(started.config)) return [];
    return changedSince(started, parseDefinition(now));
  } catch {
    return ['config'];
  }
}

/** Keys that say something else than what a run has: live ones may have been changed since its start. */
export function changedSince(
  { config, live = config, limits = config }: Compiled,
  now: ContainerDefinition,
): string[] {
  const since = (was: readonly ConfigText[], isOfIt: (key: string) => boolean) =>
    changedKeys(parseDefinition(was), now).filter(isOfIt);
  return [
    ...since(config, (key) => !isLive(key)),
    ...since(limits, isLimit),
    ...since(live, (key) => isLive(key) && !isLimit(key)),
  ];
}

/** @param name of a setting: it is a limit that counts at once: of [Resources], and no device. */
export function isLimit(name: string): boolean {
  const [, key] = /^Resources\.(\w+)$/.exec(name) ?? [];
  return key !== undefined && !Object.hasOwn(DEVICE_KEYS, key) && isLive(name);
}

/** Keys whose values differ. */
export function changedKeys(before: ContainerDefinition, after: ContainerDefinition): string[] {
  const interfaces = new Set([...before.interfaces, ...after.interfaces].map(({ name }) => name));
  return describeKeys([...interfaces])
    .filter(({ section, key }) => settingOf(before, section, key) !== settingOf(after, section, key))
    .map(({ section, key }) => settingName(section, key));
}

/** @param name `Section.Key`, `Network.eth0.Key`: a change of it counts at once. */
export function isLive(name: string): boolean {
  const setting = splitSettingName(name);
  return setting !== undefined && (findRow(setting.section, setting.key)?.live ?? false);
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
