import { setTimeout as sleep } from 'node:timers/promises';
import type { TopSample } from '../../lifecycle/top.js';

/** Looks again and again. The first look, which has no rates, is not shown. Ctrl-C is an end like any other. */
export async function repeat(
  look: () => Promise<TopSample>,
  show: (sample: TopSample) => void,
  options: { readonly delayMs: number; readonly times: number | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const { delayMs, times = Number.POSITIVE_INFINITY, signal } = options;
  await look();
  for (let i = 0; i < times; i++) {
    await sleep(delayMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) {
      process.exitCode = 130;
      return;
    }
    show(await look());
  }
}
