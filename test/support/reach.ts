import { once } from 'node:events';
import { execa } from 'execa';

/** Runs a program that may fail. */
const quietly = (program: string, words: readonly string[]) => execa(program, words, { reject: false });

/** Something that can be asked from inside a network namespace, by programs of the host. */
export type Inside = (...words: string[]) => ReturnType<typeof quietly>;

/** @param pid of a process in that namespace. */
export function inside(pid: number | null | undefined): Inside {
  return (...words) => quietly('nsenter', ['-t', String(pid), '-n', ...words]);
}

/** This host. */
export const here: Inside = (program = 'true', ...words) => quietly(program, words);

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

/** True when a connection is answered within a second or so. */
export async function tcp(from: Inside, host: string, port: number): Promise<boolean> {
  return (await from('curl', '-s', '-m', '2', `http://${bracketed(host)}:${port}/`)).exitCode !== 28;
}

/** True when a datagram is answered, by the program of {@link withServers}. */
export async function udp(from: Inside, host: string, port: number): Promise<boolean> {
  const script = `const s = require('dgram').createSocket('udp${host.includes(':') ? 6 : 4}');
    s.on('message', () => process.exit(0)); s.send('x', ${port}, '${host}'); setTimeout(() => process.exit(28), 2000)`;
  return (await from(process.execPath, '-e', script)).exitCode === 0;
}

export async function ping(from: Inside, host: string): Promise<boolean> {
  return (await from('busybox', 'ping', '-c', '1', '-W', '2', host)).exitCode === 0;
}

/** Answers on these ports, in each of these places, while `work` is done. */
export async function withServers(
  places: readonly Inside[],
  ports: { readonly tcp: readonly number[]; readonly udp: readonly number[] },
  work: () => Promise<void>,
): Promise<void> {
  const script = `let left = ${ports.tcp.length + ports.udp.length}; const up = () => --left || console.log('up');
    for (const port of ${JSON.stringify(ports.tcp)})
      require('http').createServer((_, r) => r.end('hello')).listen(port, '::', up);
    for (const port of ${JSON.stringify(ports.udp)}) {
      const s = require('dgram').createSocket('udp6'); s.on('message', (m, f) => s.send(m, f.port, f.address)); s.bind(port, '::', up); }`;
  const servers = places.map((place) => place(process.execPath, '-e', script));
  try {
    await Promise.all(servers.map((server) => once(server.stdout as NodeJS.ReadableStream, 'data')));
    await work();
  } finally {
    for (const server of servers) server.kill('SIGKILL');
    await Promise.all(servers);
  }
}

/** Waits for all answers: who is asked in vain takes seconds. */
export async function together(
  questions: Readonly<Record<string, Promise<boolean>>>,
): Promise<Record<string, boolean>> {
  const answers = await Promise.all(
    Object.entries(questions).map(async ([what, answer]) => [what, await answer] as const),
  );
  return Object.fromEntries(answers);
}

/** All of these, and the same value. */
export const same = (answers: Record<string, boolean>, value: boolean) =>
  Object.fromEntries(Object.keys(answers).map((key) => [key, value]));
