import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect } from 'vitest';
import type { NetworkInfo } from '../../src/lifecycle/network-manage.js';
import { outsideHost } from '../support/outside-host.js';
import { here, type Inside, inside } from '../support/reach.js';
import { noProgram, noRoot, testNeeding } from '../support/requires.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot(), noProgram('wrk'), noProgram('nginx'));
const root = useRoot();

const PORT = 19500;

/** Plays what is outside: it is 198.18.95.2, the host .1. */
const outside = () => outsideHost('load-test', '198.18.95', '2001:db8:95');

/** nginx in the container's network while `work` is done. */
async function withNginx(name: string, work: () => Promise<void>): Promise<void> {
  const dir = join(root.path, '.nginx');
  mkdirSync(dir, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const config = `daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/errors;
    events { worker_connections 1024; }
    http { access_log off; ${temporary.map((one) => `${one}_temp_path ${dir}/${one};`).join(' ')}
      server { listen 80; listen [::]:80; location / { return 200 "hello"; } } }`;
  writeFileSync(join(dir, 'config'), config);
  const place = inside((await root.info(name)).pid);
  const server = place('nginx', '-p', dir, '-e', join(dir, 'errors'), '-c', join(dir, 'config'));
  try {
    await until(
      'nginx answers',
      async () => (await place('curl', '-s', 'http://127.0.0.1/')).stdout === 'hello',
    );
    await work();
  } finally {
    server.kill('SIGTERM');
    await server;
    await execa('rm', ['-r', dir]);
  }
}

/**
 * What wrk has to complain about, or how many requests were answered. One connection for each request: each is
 * let in, led to the container and ended anew.
 */
async function load(from: Inside, host: string, seconds: number): Promise<number | string> {
  const words = ['-t', '1', '-c', '16', '-d', `${seconds}s`, '--timeout', '5s', '-H', 'Connection: close'];
  const { stdout, stderr } = await from('wrk', ...words, `http://${host}:${PORT}/`);
  const said = `${stdout}${stderr}`;
  if (/Socket errors|Non-2xx|unable/.test(said)) return said;
  return Number(/(\d+) requests in/.exec(said)?.[1] ?? 0);
}

/** Few enough for an emulated machine, and far more than would get by on a retry. */
const ENOUGH = 100;

describe('nginx behind a published port, under load of wrk', () => {
  beforeAll(async () => {
    const create = (name: string, ...more: string[]) =>
      root.ok(['create', name, '--template', 'busybox', ...more, '--start']);
    await create('site', '--set', `Network.eth0.Port=${PORT}:80`);
    await create('sibling');
  });

  it('fails no request: from the host, from a sibling, from outside', async () => {
    const gateway = (await root.ok(['network', 'info', 'tsct0', '--json']))
      .json<NetworkInfo>()
      .ipv4.replace(/0\/\d+$/, '1');
    const other = await outside();
    try {
      await withNginx('site', async () => {
        const sibling = inside((await root.info('sibling')).pid);
        for (const [what, from, host] of [
          ['host', here, '127.0.0.1'],
          ['host by IPv6', here, '[::1]'],
          ['host by its own address', here, '198.18.95.1'],
          ['sibling', sibling, gateway],
          ['outside', other.run, '198.18.95.1'],
          ['outside by IPv6', other.run, '[2001:db8:95::1]'],
        ] as const) {
          const answered = await load(from, host, 1);
          expect(answered, what).toBeTypeOf('number');
          expect(answered, what).toBeGreaterThan(ENOUGH);
        }
      });
    } finally {
      await other.dispose();
    }
  });

  it('fails none while other ports come and go', async () => {
    const other = await outside();
    try {
      await withNginx('site', async () => {
        const seconds = 3 * SLOWNESS;
        let over = false;
        const loads = Promise.all([
          load(here, '127.0.0.1', seconds),
          load(other.run, '198.18.95.1', seconds),
        ]).finally(() => {
          over = true;
        });
        await root.ok(['port', 'add', 'site', '19501:80', '19510-19519:80']);
        expect(over, 'the load is over before the port was there').toBe(false);
        await root.ok(['port', 'remove', 'site', '19501:80', '19510-19519:80']);
        for (const answered of await loads) {
          expect(answered).toBeTypeOf('number');
          expect(answered).toBeGreaterThan(ENOUGH);
        }
      });
    } finally {
      await other.dispose();
    }
  });
});
