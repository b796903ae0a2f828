import type { ChangeResult, KeyChange } from '../../lifecycle/change-config.js';
import { formatBytes } from './units.js';

/** One line for each setting that was changed; none for a container that does not run. */
export function renderChanges(
  name: string,
  { running, keys }: ChangeResult,
  { runtime = false }: { readonly runtime?: boolean } = {},
): string[] {
  return running ? keys.map((change) => `${name}: ${describe(change, runtime)}`) : [];
}

function describe({ key, state, reason, reclaimedBytes }: KeyChange, runtime: boolean): string {
  if (state === 'pending')
    return `${key} pending: ${reason ? `${reason}; ` : ''}it counts from its next start`;
  const until = runtime ? ' until it stops' : '';
  const reclaimed =
    reclaimedBytes === undefined ? '' : `; the kernel took back ${formatBytes(reclaimedBytes)} that it used`;
  return `${key} applied${until}${reclaimed}`;
}
