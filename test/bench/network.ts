import type { Tsct } from './managers.js';
import { timed } from './measure.js';
import { put, type Results, TINY } from './operations.js';

/** How many containers run beside the one that is measured. */
const BESIDE = 100;
const ALONE = 'bench-alone';
const ON_NETWORK = 'bench-net';

/** What the default network adds to a start, alone on it and as one of many. Its bridge is up: one more container keeps it. */
export async function network(tsct: Tsct, count: number, results: Results): Promise<void> {
  const beside = Array.from({ length: BESIDE }, (_, i) => `bench-beside-${i}`);
  const made: string[] = [];
  const make = async (from: string, name: string) => {
    made.push(name);
    await tsct.cli('clone', from, name);
  };
  try {
    await make(TINY, ALONE); // which has no network
    await make(TINY, ON_NETWORK);
    await tsct.onDefaultNetwork(ON_NETWORK);
    for (const name of beside) await make(ON_NETWORK, name);
    await tsct.start(beside[0] ?? '');
    await startsOf(tsct, count, 'start', [ALONE, ON_NETWORK], results);
    for (const name of beside.slice(1)) await tsct.start(name);
    await startsOf(tsct, count, `start beside ${BESIDE}`, [ON_NETWORK], results);
    await accountsOfMany(tsct, count, results);
  } finally {
    for (const name of made) await tsct.destroy(name);
  }
}

/** Of as many as run by then, each beside what the command itself costs. */
async function accountsOfMany(tsct: Tsct, count: number, results: Results): Promise<void> {
  for (let round = 0; round <= count; round++) {
    for (const words of [['--version'], ['stats', '--json'], ['list', '--json']]) {
      const ms = await timed(() => tsct.cli(...words));
      if (round > 0) put(results, `${words[0]} (${BESIDE} run)`, 'tsct', ms);
    }
  }
}

async function startsOf(
  tsct: Tsct,
  count: number,
  what: string,
  names: readonly string[],
  results: Results,
): Promise<void> {
  for (let round = 0; round <= count; round++) {
    for (const name of names) {
      const ms = await timed(() => tsct.start(name));
      if (round > 0) put(results, `${what} (${name === ALONE ? 'private' : 'network'})`, 'tsct', ms);
      await tsct.stop(name);
    }
  }
}
