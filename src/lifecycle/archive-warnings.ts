import type { ArchiveSummary } from '../image/archive.js';
import type { Context } from './context.js';

/** Tells what of a root that came from outside is not as it was there. */
export function warnOf(ctx: Context, { skippedMounts, foreignOwners, stripped }: ArchiveSummary): void {
  if (skippedMounts.length > 0) {
    ctx.warn(`not copied, as something else is mounted there: ${skippedMounts.join(' ')}`);
  }
  if (foreignOwners > 0) ctx.warn(`${foreignOwners} files belong to ids above 65535, which no container has`);
  for (const { name, count } of stripped) ctx.warn(`left out ${name} of ${count} files`);
}
