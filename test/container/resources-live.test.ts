import { existsSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { ChangeResult } from '../../src/lifecycle/change-config.js';
import { groupFiles } from '../support/group-files.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';

// Limits of containers that run. The same tests on hosts of control groups v1 and v2.
const it = testNeeding(noRoot());
const root = useRoot();

const set = (name: string, ...words: string[]) => root.ok(['config', 'set', name, ...words]);
const config = (name: string) => readFileSync(root.layout.configFile(name), 'utf8');

/** What limits there are, by file. */
const limits = async (name: string) => groupFiles((await root.info(name)).pid as number);

/** @returns whether so many processes can be had at once. */
async function canFork(name: string, count: number): Promise<boolean> {
  // The first shell ends at the fork that fails; the second kills all but itself and init.
  const script = `(for i in $(seq ${count}); do sleep 30 & done; echo all) 2>/dev/null; kill -9 -1`;
  return (await root.sh(name, script)) === 'all';
}

const fill = (name: string, mebibytes: number) =>
  root.run(['exec', name, '-T', '--', 'dd', 'if=/dev/zero', 'of=/dev/shm/x', 'bs=1M', `count=${mebibytes}`]);

const CPUS = ['Resources.CPUQuota=50%', 'Resources.CPUQuotaPeriodSec=20ms', 'Resources.CPUWeight=200'];
const OTHERS = ['Resources.AllowedCPUs=1', 'Resources.AllowedMemoryNodes=0', 'Resources.MemoryMax=64M'];
const TASKS = 'Resources.TasksMax=30';
const io = (rate: string) =>
  ['Read', 'Write'].flatMap((way) => [
    `Resources.IO${way}BandwidthMax=${root.path} ${rate}M`,
    `Resources.IO${way}IOPSMax=${root.path} ${rate}`,
  ]);

describe('a running container', () => {
  it('has what is set at once, and what a new one has where it is unset', async () => {
    await root.start('box');
    const before = await limits('box');
    const all = [...CPUS, ...OTHERS, TASKS, ...io('50')];
    const result = (await root.ok(['config', 'set', 'box', ...all, '--json'])).json<ChangeResult>();
    expect(result.running).toBe(true);
    expect(result.keys).toEqual(all.map((one) => ({ key: one.split('=')[0], state: 'applied' })));
    expect((await root.info('box')).pending).toEqual([]);
    expect(await canFork('box', 60)).toBe(false);
    expect(await root.sh('box', 'nproc')).toBe('1');
    expect((await fill('box', 100)).exitCode).toBe(137);
    await root.sh('box', 'rm -f /dev/shm/x');

    await set('box', 'Resources.CPUWeight=400', 'Resources.AllowedCPUs=0', ...io('60'));
    expect(await root.sh('box', 'grep Cpus_allowed_list /proc/self/status')).toMatch(/\s0$/);
    const changed = await limits('box');
    await root.ok(['restart', '--kill', 'box']);
    expect(await limits('box')).toEqual(changed);

    await root.ok(['config', 'unset', 'box', ...new Set(all.map((one) => one.split('=')[0] ?? ''))]);
    expect(await limits('box')).toEqual(before);
    expect(config('box')).not.toMatch(/^[A-Z].*(CPU|Max|Memory)/m);
    expect(await canFork('box', 60)).toBe(true);
    expect((await fill('box', 100)).exitCode).toBe(0);
  });

  it('keeps it over a reboot from inside, and takes it while it is frozen', async () => {
    await root.start('box');
    await root.ok(['freeze', 'box']);
    await set('box', TASKS);
    await root.ok(['thaw', 'box']);
    await set('box', 'Resources.MemoryMax=64M', '--runtime');
    const before = await limits('box');
    await root.run(['exec', 'box', '-T', '--', 'reboot']);
    await until('it is up again', async () => (await root.info('box')).boots === 2);
    expect(await limits('box')).toEqual(before);
    expect(await canFork('box', 60)).toBe(false);
    expect((await fill('box', 100)).exitCode).toBe(137);
  });

  it('has --runtime until it stops, or until the config is given the same key', async () => {
    await root.start('box', TASKS, 'Resources.AllowedCPUs=0');
    const before = await limits('box');
    const said = await set('box', 'Resources.TasksMax=500', 'Resources.AllowedCPUs=1', '--runtime');
    expect(said.stderr).toContain('box: Resources.TasksMax applied until it stops');
    expect(config('box')).not.toContain('500');
    expect(await root.sh('box', 'grep Cpus_allowed_list /proc/self/status')).toMatch(/\s1$/);
    expect(await canFork('box', 60)).toBe(true);
    expect((await root.ok(['config', 'get', 'box', 'Resources.TasksMax'])).stdout).toBe('500\n');
    expect((await root.info('box')).pending).toEqual([]);
    await set('box', 'Exec.Hostname=other');
    expect((await root.info('box')).pending).toEqual(['Exec.Hostname']);
    expect(await canFork('box', 60)).toBe(true);
    await root.ok(['config', 'unset', 'box', 'Resources.AllowedCPUs', '--runtime']);
    expect(await root.sh('box', 'grep Cpus_allowed_list /proc/self/status')).toMatch(/\s0$/);
    await set('box', TASKS);
    expect(await limits('box')).toEqual(before);
    await set('box', 'Resources.TasksMax=500', '--runtime');
    await root.ok(['restart', '--kill', 'box']);
    expect(await limits('box')).toEqual(before);

    for (const [words, code] of [
      [['Network.eth0.MTUBytes=1400'], 2],
      [['Resources.TasksMax=0'], 2],
      [['Resources.AllowedCPUs=999'], 5],
    ] as const) {
      const { exitCode } = await root.run(['config', 'set', 'box', ...words, '--runtime']);
      expect(exitCode).toBe(code);
    }
    await root.ok(['stop', '--kill', 'box']);
    const { exitCode, stderr } = await root.run(['config', 'set', 'box', TASKS, '--runtime']);
    expect(exitCode, stderr).toBe(4);
    expect((await root.ok(['config', 'get', 'box', 'Resources.TasksMax'])).stdout).toBe('30\n');
  });
});

describe('MemoryMax below what is in use', () => {
  it('has the kernel take back what it can, and says so', async () => {
    await root.start('box');
    await root.sh('box', 'dd if=/dev/zero of=/file bs=1M count=60 2>/dev/null');
    const said = await set('box', 'Resources.MemoryMax=40M');
    expect(said.stderr).toMatch(/MemoryMax applied; the kernel took back \d+(\.\d)? MiB/);
    expect((await root.info('box')).memory?.usage).toBeLessThanOrEqual(40 * 1024 * 1024);
  });

  it('is refused with what is in use where it cannot, and nobody is killed', async () => {
    await root.start('box', 'Resources.MemoryMax=200M');
    expect((await fill('box', 80)).exitCode).toBe(0);
    const [before, text] = [await limits('box'), config('box')];
    const refused = await root.run([
      'config',
      'set',
      'box',
      'Resources.TasksMax=33',
      'Resources.MemoryMax=40M',
    ]);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toMatch(/MemoryMax=: \d{8,9} bytes are in use/);
    expect(await limits('box')).toEqual(before);
    expect(config('box')).toBe(text);
    const { memory } = await root.info('box');
    expect(memory?.oomKills).toBe(0);
    await root.sh('box', 'rm /dev/shm/x');
    await set('box', 'Resources.MemoryMax=40M');
  });
});

describe('a change that fails', () => {
  it('is taken back whole, what the network has to do with it, too', async () => {
    await root.ok(['create', 'box', '--template', 'busybox', '--set', TASKS, '--start']);
    const links = () => root.sh('box', 'ip addr show; ip route');
    const [before, seen, text] = [await limits('box'), await links(), config('box')];
    for (const [words, code, why] of [
      [['Resources.TasksMax=40', 'Resources.IOReadBandwidthMax=/proc 5M'], 5, /no block device/],
      [['Resources.TasksMax=40', 'Network.eth2.Bridge=br-none'], 1, /there is no such link/],
      [['Network.eth0.MTUBytes=1400', 'Resources.IOReadBandwidthMax=/proc 5M'], 5, /no block device/],
    ] as const) {
      const refused = await root.run(['config', 'set', 'box', ...words]);
      expect(refused.exitCode, refused.stderr).toBe(code);
      expect(refused.stderr).toMatch(why);
      expect([await limits('box'), await links(), config('box')]).toEqual([before, seen, text]);
    }
    const both = await set('box', 'Resources.TasksMax=40', 'Network.eth0.MTUBytes=1400');
    expect(both.stderr).toMatch(/TasksMax applied\n.*MTUBytes applied/);
    expect(await root.sh('box', 'cat /sys/class/net/eth0/mtu')).toBe('1400');
    expect(await limits('box')).not.toEqual(before);
  });
});

describe('a change that is killed', () => {
  const points = ['noted', 'planned', 'kept', 'limited', 'changed', 'committed', 'ended'];

  it(
    'is finished or undone by the next command',
    async () => {
      await root.start('box', TASKS, 'Resources.CPUWeight=idle');
      const pid = (await root.info('box')).pid as number;
      const [old, text] = [groupFiles(pid), config('box')];
      const words = ['Resources.TasksMax=60', 'Resources.CPUWeight=300'];
      await set('box', ...words);
      const changed = groupFiles(pid);
      await set('box', TASKS, 'Resources.CPUWeight=idle');
      expect(groupFiles(pid)).toEqual(old);
      for (const point of [...points, 'kept --runtime', 'changed --runtime', 'committed --runtime']) {
        const [at = '', ...runtime] = point.split(' ');
        const killed = await root.run(['config', 'set', 'box', ...words, ...runtime], {
          env: { TSCT_FAULT: `change.${at}` },
        });
        expect(killed.exitCode, point).toBe(137);
        const isTrue = at === 'committed' || at === 'ended';
        await root.ok(['config', 'unset', 'box', 'Exec.Hostname']); // the next command at it
        expect(groupFiles(pid), point).toEqual(isTrue ? changed : old);
        expect(config('box') === text, point).toBe(!isTrue || runtime.length > 0);
        expect(existsSync(root.layout.changeFile('box')), point).toBe(false);
        if (isTrue) await set('box', TASKS, 'Resources.CPUWeight=idle');
      }
      expect((await root.info('box')).pending).toEqual([]);
      // Killed, and then the end: of init by itself, and of the run.
      for (const [point, goesOn] of [
        ['committed', true],
        ['changed', false],
      ] as const) {
        await root.run(['config', 'set', 'box', ...words], { env: { TSCT_FAULT: `change.${point}` } });
        if (goesOn) {
          await root.run(['exec', 'box', '-T', '--', 'reboot']);
          await until('it is up again', async () => (await root.info('box')).boots === 2);
        } else {
          await root.ok(['restart', '--kill', 'box']);
        }
        expect(await limits('box')).toEqual(goesOn ? changed : old);
        await set('box', TASKS, 'Resources.CPUWeight=idle');
      }
    },
    { timeout: 120_000 * SLOWNESS },
  );
});
