import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { rateLinkName } from '../../src/network/links.js';
import { outsideHost } from '../support/outside-host.js';
import { type Inside, inside } from '../support/reach.js';
import { noLink, noProgram, noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot(), noProgram('iperf3'), noLink('ifb'));
const root = useRoot();

const settings = (...lines: string[]) => lines.flatMap((line) => ['--set', `Network.eth0.${line}`]);

/** Mbit/s: emulated machines are ten times slower. */
const FAST = process.env['TSCT_TEST_VM'] ? 70 : 200;

/** Plays the Internet; it is 198.18.180.2. */
const internet = () => outsideHost('rate-test', '198.18.180', '2001:db8:80');

/** Mbit/s that arrive, of TCP, over these seconds; the first is not counted: buckets are full then. */
async function measure(
  from: Inside,
  to: string,
  direction: 'sends' | 'receives',
  seconds = 4,
): Promise<number> {
  const way = direction === 'receives' ? ['-R'] : [];
  const asked = await from('iperf3', '-c', to, '-t', String(seconds), '-O', '1', '-J', ...way);
  const { end } = JSON.parse(String(asked.stdout)) as {
    end?: { sum_received?: { bits_per_second: number } };
  };
  return (end?.sum_received?.bits_per_second ?? 0) / 1e6;
}

async function withServer(place: Inside, work: () => Promise<void>): Promise<void> {
  const server = place('iperf3', '-s');
  try {
    await until('iperf3 listens', async () => {
      const { stdout } = await place('sh', '-c', 'cat /proc/net/tcp6 /proc/net/tcp');
      return String(stdout).includes(':1451 ');
    });
    await work();
  } finally {
    server.kill('SIGKILL');
    await server;
  }
}

/** TCP and IP take 3 to 5 % of the bytes on the wire. */
function expectRate(measured: number, mbit: number, what: string): void {
  expect(measured, what).toBeGreaterThan(mbit * 0.9);
  expect(measured, what).toBeLessThan(mbit * 1.1);
}

describe('IngressMax= and EgressMax=', () => {
  it('hold within a tenth, whatever root inside does', async () => {
    await root.ok([
      'create',
      'slow',
      '--template',
      'busybox',
      '--start',
      ...settings('IngressMax=20M', 'EgressMax=50M'),
    ]);
    await root.ok([
      'create',
      'fast',
      '--template',
      'busybox',
      '--start',
      ...settings(`IngressMax=${FAST}M`, `EgressMax=${FAST}M`),
    ]);
    const [slow, fast] = await Promise.all([root.info('slow'), root.info('fast')]);
    const inet = await internet();
    try {
      await withServer(inet.run, async () => {
        expectRate(await measure(inside(slow.pid), '198.18.180.2', 'receives'), 20, 'receives 20M');
        expectRate(await measure(inside(slow.pid), '198.18.180.2', 'sends'), 50, 'sends 50M');
        expectRate(await measure(inside(fast.pid), '198.18.180.2', 'receives'), FAST, 'receives fast');
        expectRate(await measure(inside(fast.pid), '198.18.180.2', 'sends'), FAST, 'sends fast');
        // Root inside takes away all that it sees, and tries another address.
        const tc = inside(slow.pid);
        await tc('tc', 'qdisc', 'del', 'dev', 'eth0', 'root');
        await tc('tc', 'qdisc', 'del', 'dev', 'eth0', 'ingress');
        await tc('ip', 'link', 'set', 'eth0', 'txqueuelen', '10000');
        await root.sh(
          'slow',
          'ip link set eth0 address 02:00:00:00:00:99; ip addr add 192.0.2.9/24 dev eth0',
        );
        await root.sh('slow', `ip link set eth0 address ${slow.network[0]?.mac}`);
        expectRate(await measure(inside(slow.pid), '198.18.180.2', 'receives'), 20, 'receives 20M still');
        expectRate(await measure(inside(slow.pid), '198.18.180.2', 'sends'), 50, 'sends 50M still');
        // Without what the host has put there it is faster.
        const port = slow.network[0]?.hostName ?? '';
        await execa('tc', ['qdisc', 'del', 'dev', port, 'root']);
        expect(await measure(inside(slow.pid), '198.18.180.2', 'receives', 2)).toBeGreaterThan(60);
        await execa('tc', ['qdisc', 'del', 'dev', port, 'ingress']);
        expect(await measure(inside(slow.pid), '198.18.180.2', 'sends', 2)).toBeGreaterThan(60);
      });
    } finally {
      await inet.dispose();
    }
  });

  it('hold on a routed one, too', async () => {
    const routed = settings('Kind=routed', 'Address=192.0.2.180/32', 'IngressMax=20M', 'EgressMax=50M');
    await root.ok(['create', 'routed', '--template', 'busybox', '--start', ...routed]);
    const { pid } = await root.info('routed');
    const inet = await internet();
    try {
      await inet.run('ip', 'route', 'add', '192.0.2.180', 'via', '198.18.180.1');
      await inside(pid)('tc', 'qdisc', 'del', 'dev', 'eth0', 'root');
      await withServer(inet.run, async () => {
        expectRate(await measure(inside(pid), '198.18.180.2', 'receives'), 20, 'receives 20M');
        expectRate(await measure(inside(pid), '198.18.180.2', 'sends'), 50, 'sends 50M');
      });
    } finally {
      await inet.dispose();
    }
  });

  it('leave nothing, after a supervisor that was killed either, and take the place of what was left', async () => {
    await root.ok([
      'create',
      'crash',
      '--template',
      'busybox',
      ...settings('EgressMax=10M', 'Bridge=rate-bridge'),
    ]);
    await execa('ip', ['link', 'add', 'rate-bridge', 'type', 'bridge']);
    try {
      await root.ok(['start', 'crash']);
      const about = await root.info('crash');
      const links = async () => (await execa('ip', ['-o', 'link', 'show', 'type', 'ifb'])).stdout;
      const own = `tsctrate-${root.layout.key('crash')}-eth0`;
      expect(await links()).toContain(own);
      process.kill(about.supervisorPid as number, 'SIGKILL');
      await until('cleaned', async () => {
        await root.ok(['list']);
        return !(await links()).includes(own);
      });
      // One that a start has left which was killed before it had given it a name: it has the host end's address.
      const mac = `fe${about.network[0]?.mac.slice(2)}`;
      await execa('ip', [
        'link',
        'add',
        rateLinkName(root.layout.key('crash'), 'eth0'),
        'address',
        mac,
        'type',
        'ifb',
      ]);
      await root.ok(['start', 'crash']);
      expect(await links()).toContain(own);
      await root.ok(['stop', '--kill', 'crash']);
      expect(await links()).not.toContain(own);
      // Somebody else's of that name is told of, and stays.
      const name = rateLinkName(root.layout.key('crash'), 'eth0');
      await execa('ip', ['link', 'add', name, 'type', 'ifb']);
      const refused = await root.run(['start', 'crash']);
      expect(refused.exitCode).toBe(4);
      expect(refused.stderr).toContain(`make link ${name}: the name is taken by a ifb`);
      expect(await links()).toContain(name);
      await execa('ip', ['link', 'delete', name]);
    } finally {
      await root.run(['destroy', '--force', 'crash']);
      await execa('ip', ['link', 'delete', 'rate-bridge']);
    }
  });
});
