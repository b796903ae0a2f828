import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import type { Tsct } from './managers.js';
import { run } from './measure.js';
import { put, type Results, TINY } from './operations.js';

const SECONDS = 3;
const BRIDGE = 'bench-plain';
const ONE = 'bench-one';
const TWO = 'bench-two';

/** One TCP stream between two containers of a network, beside one between two bare namespaces on a bare bridge. */
export async function throughput(tsct: Tsct, count: number, results: Results): Promise<void> {
  const bare = await bareNamespaces();
  try {
    for (const name of [ONE, TWO]) {
      await tsct.cli('clone', TINY, name);
      await tsct.start(name);
    }
    const { pid } = await tsct.info(ONE);
    const [address = ''] = (await about(tsct, TWO)).addresses;
    const server = await serve((await tsct.info(TWO)).pid);
    try {
      for (let round = 0; round <= count; round++) {
        const plain = await mbits(bare.client, '192.0.2.2');
        const own = await mbits(pid, address.split('/')[0] ?? '');
        if (round === 0) continue;
        put(results, 'one TCP stream, bare (Mbit/s)', 'tsct', plain);
        put(results, 'one TCP stream (Mbit/s)', 'tsct', own);
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

const inside = (pid: number, ...words: string[]) => ['nsenter', '-t', String(pid), '-n', ...words] as const;

async function mbits(pid: number, to: string): Promise<number> {
  const [program, ...words] = inside(pid, 'iperf3', '-J', '-t', String(SECONDS), '-c', to);
  const { stdout } = await execa(program, words);
  return (
    (JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received
      .bits_per_second / 1e6
  );
}

async function serve(pid: number): Promise<ChildProcess> {
  const [program, ...words] = inside(pid, 'iperf3', '-s', '--forceflush');
  const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  return server;
}

async function namespace(): Promise<ChildProcess> {
  const child = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo up; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function bareNamespaces() {
  const ends = [await namespace(), await namespace()];
  await run('ip', ['link', 'add', BRIDGE, 'type', 'bridge']);
  await run('ip', ['link', 'set', BRIDGE, 'up']);
  for (const [i, end] of ends.entries()) {
    const words = `link add ${BRIDGE}${i} master ${BRIDGE} type veth peer name eth0 netns ${end.pid}`;
    await run('ip', words.split(' '));
    await run('ip', ['link', 'set', `${BRIDGE}${i}`, 'up']);
    const [program, ...up] = inside(
      end.pid ?? 0,
      'sh',
      '-c',
      `ip addr add 192.0.2.${i + 1}/24 dev eth0; ip link set eth0 up`,
    );
    await run(program, up);
  }
  const server = await serve(ends[1]?.pid ?? 0);
  return {
    client: ends[0]?.pid ?? 0,
    dispose: async () => {
      server.kill();
      for (const end of ends) end.kill('SIGKILL');
      await run('ip', ['link', 'delete', BRIDGE]);
    },
  };
}
