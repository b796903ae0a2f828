import type { Tsct } from './managers.js';
import { put, type Results, TINY } from './operations.js';
import { bareNamespaces, serve, stream } from './streams.js';

const SECONDS = 3;
const ONE = 'bench-one';
const TWO = 'bench-two';

/** One TCP stream between two containers of a network, beside one between two bare namespaces on a bare bridge. */
export async function throughput(tsct: Tsct, count: number, results: Results): Promise<void> {
  const bare = await bareNamespaces();
  try {
    for (const name of [ONE, TWO]) {
      await tsct.cli('clone', TINY, name);
      await tsct.onDefaultNetwork(name);
      await tsct.start(name);
    }
    const { pid } = await tsct.info(ONE);
    const [address = ''] = (await about(tsct, TWO)).addresses;
    const server = await serve((await tsct.info(TWO)).pid);
    try {
      for (let round = 0; round <= count; round++) {
        const plain = await stream(bare.client, bare.server, SECONDS);
        const own = await stream(pid, address.split('/')[0] ?? '', SECONDS);
        if (round === 0) continue;
        put(results, 'one TCP stream, bare (Mbit/s)', 'tsct', plain.mbits);
        put(results, 'one TCP stream (Mbit/s)', 'tsct', own.mbits);
      }
    } finally {
      server.kill();
    }
  } finally {
    for (const name of [ONE, TWO]) await tsct.destroy(name);
    await bare.dispose();
  }
}

async function about(tsct: Tsct, name: string): Promise<{ addresses: string[] }> {
  return JSON.parse(await tsct.cli('info', name, '--json'));
}
