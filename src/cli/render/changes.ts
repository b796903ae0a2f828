import type { ChangeResult } from '../../lifecycle/change-config.js';

/** One line for each setting that was changed; none for a container that does not run. */
export function renderChanges(name: string, { running, keys }: ChangeResult): string[] {
  if (!running) return [];
  return keys.map(({ key, state }) =>
    state === 'applied'
      ? `${name}: ${key} applied`
      : `${name}: ${key} pending: it counts from its next start`,
  );
}
