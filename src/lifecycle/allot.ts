import { readdirSync, readFileSync } from 'node:fs';
import { chooseIdRange, readTakenRanges, type TakenRange } from '../host/id-ranges.js';
import { ID_COUNT, type Identity, newIdentity } from '../state/identity.js';
import type { Context } from './context.js';
import { withLock } from './locking.js';

/** Not the name of a container: those have no `_`. */
const ALLOTMENT_LOCK = '_ids';

/**
 * Allots a new identity: uuid and an id range that no container of this root and nobody on the host has. One at a
 * time, so that two creates never choose the same range.
 * @param machine what of it is known already.
 * @param write completes it, and puts it where the next one to be allotted an identity sees it.
 * @throws TSCT_NO_ID_RANGE (exit 5).
 */
export async function allotIdentity(
  ctx: Context,
  name: string,
  machine: Partial<Identity>,
  write: (identity: Identity) => Promise<Identity>,
): Promise<Identity> {
  return withLock(ctx, ALLOTMENT_LOCK, async () => {
    const taken = [...readTakenRanges(), ...rangesOfContainers(ctx)];
    const range = chooseIdRange(ctx.layout.containerDir(name), taken);
    return write({ ...newIdentity(range.base), ...machine });
  });
}

/** Half-made containers count too. Synchronous reads: a thousand of them are some ten milliseconds. */
function rangesOfContainers(ctx: Context): TakenRange[] {
  return readdirSync(ctx.layout.root)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => {
      const base = baseOf(ctx.layout.identityFile(name));
      return base === undefined ? [] : [{ base, size: ID_COUNT, by: `container ${name}` }];
    });
}

function baseOf(file: string): number | undefined {
  try {
    const { idBase } = JSON.parse(readFileSync(file, 'utf8')) as { idBase?: unknown };
    return Number.isSafeInteger(idBase) ? (idBase as number) : undefined;
  } catch {
    return undefined; // being made, being destroyed, damaged: its own commands will say so
  }
}
