import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { run } from './measure.js';

const PATIENCE_SECONDS = 20;

const inside = (pid: number, ...words: string[]) => ['nsenter', '-t', String(pid), '-n', ...words] as const;

interface Iperf {
  readonly error?: string;
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number };
    readonly cpu_utilization_percent: { readonly host_total: number; readonly remote_total: number };
  };
}

/** What one TCP stream carries. */
export interface Stream {
  readonly mbits: number;
  /** For each second that a processor was at it, at either end: what else the machine does changes that little. */
  readonly mbitsPerCpu: number;
}

/** From the network of a process to a server of {@link serve}. */
export async function stream(pid: number, to: string, seconds: number): Promise<Stream> {
  const [program, ...words] = inside(pid, 'iperf3', '-J', '-t', String(seconds), '-c', to);
  const { stdout } = await execa(program, words, {
    reject: false,
    timeout: (seconds + PATIENCE_SECONDS) * 1000,
  });
  const { error, end } = JSON.parse(stdout) as Iperf;
  if (!end.sum_received) throw new Error(`iperf3 to ${to}: ${error}`);
  const mbits = end.sum_received.bits_per_second / 1e6;
  const { host_total, remote_total } = end.cpu_utilization_percent;
  return { mbits, mbitsPerCpu: (100 * mbits) / (host_total + remote_total) };
}

/** A server in the network of a process, once it listens. */
export async function serve(pid: number): Promise<ChildProcess> {
  const [program, ...words] = inside(pid, 'iperf3', '-s', '--forceflush');
  const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  server.stdout.resume();
  return server;
}

async function namespace(): Promise<ChildProcess> {
  const child = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo up; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

/** Two bare namespaces on a bare bridge, which is in a third one: firewalls of the host see nothing of what passes. */
export async function bareNamespaces() {
  const [middle, ...ends] = [await namespace(), await namespace(), await namespace()];
  const at = (of: ChildProcess | undefined, script: string) => {
    const [program, ...words] = inside(of?.pid ?? 0, 'sh', '-ec', script);
    return run(program, words);
  };
  await at(middle, 'ip link add bare type bridge; ip link set bare up');
  await at(middle, 'for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $f ] || echo 0 >$f; done');
  for (const [i, end] of ends.entries()) {
    const port = `bare${i}`;
    await at(middle, `ip link add ${port} master bare type veth peer name eth0 netns ${end.pid}`);
    await at(middle, `ip link set ${port} up`);
    await at(end, `ip addr add 192.0.2.${i + 1}/24 dev eth0; ip link set eth0 up`);
  }
  const server = await serve(ends[1]?.pid ?? 0);
  return {
    client: ends[0]?.pid ?? 0,
    server: '192.0.2.2',
    dispose: async () => {
      for (const child of [server, ...ends, middle]) {
        if (child?.exitCode !== null || !child.kill('SIGKILL')) continue;
        await once(child, 'exit');
      }
    },
  };
}
