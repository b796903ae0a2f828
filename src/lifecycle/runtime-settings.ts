import { type ConfigChange, editText, splitSettingName } from '../definition/edit.js';
import { scanLines } from '../definition/scan.js';

/**
 * The text of what holds until a container stops, with some settings changed; undefined when nothing is left. It stands
 * after the config: a list that is set clears there what the config says.
 */
export function editRuntime(text: string, changes: readonly ConfigChange[]): string | undefined {
  const said = '--runtime';
  const edited = changes.reduce((now, one) => {
    if (one.op !== 'set') return editText(now, one, said);
    const cleared = editText(editText(now, { ...one, op: 'unset' }, said), { ...one, value: '' }, said);
    return editText(cleared, { ...one, op: 'append' }, said);
  }, text);
  return [...scanLines(edited)].some(({ kind }) => kind === 'entry') ? edited : undefined;
}

/** The same without these settings: who sets one in the config wants that from now on. */
export function dropRuntime(text: string | undefined, keys: Iterable<string>): string | undefined {
  if (text === undefined) return undefined;
  const names = [...keys].flatMap((key) => splitSettingName(key) ?? []);
  return editRuntime(
    text,
    names.map((name) => ({ ...name, op: 'unset', value: '' })),
  );
}
