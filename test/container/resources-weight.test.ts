import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect } from 'vitest';
import { groupFiles } from '../support/group-files.js';
import { noProgram, noRoot, testNeeding } from '../support/requires.js';
import { SLOWNESS, useRoot } from '../support/temp-root.js';

// Shares of a disk by weights. The same tests on hosts of control groups v1 and v2; what shares is BFQ or iocost, on a disk of our own.
const it = testNeeding(noRoot());
const root = useRoot('ext4');
let disk: string;
const queue = (file: string) => `/sys/block/${basename(disk)}/queue/${file}`;

function schedule(name: 'bfq' | 'none'): void {
  writeFileSync(queue('scheduler'), name);
  if (name === 'none') return;
  // Who has just begun would have more for a while.
  writeFileSync(queue('iosched/low_latency'), '0');
  // It waits for who has a turn, however late that one comes to run.
  writeFileSync(queue('iosched/strict_guarantees'), '1');
}

beforeAll(async () => {
  disk = (await execa('findmnt', ['-n', '-o', 'SOURCE', '-T', root.path])).stdout;
  expect(disk).toMatch(/^\/dev\/loop/);
  // What is in the host's page cache is there before anybody has to wait for his turn.
  await execa('losetup', ['--direct-io=on', disk]);
});

async function start(name: string, ...settings: string[]): Promise<void> {
  await root.start(name, ...settings);
  await root.sh(name, 'dd if=/dev/urandom of=/data bs=1M count=64 conv=fsync 2>/dev/null');
}

const filesOf = async (name: string) => groupFiles((await root.info(name)).pid as number);
const readBytes = async (name: string) =>
  (await root.info(name)).io?.usage.find(({ device }) => device === basename(disk))?.readBytes ?? 0;

/** How much `heavy` reads for each byte of `light`, while both read all they can. */
async function ratio(): Promise<number> {
  const names = ['light', 'heavy'];
  const script = 'while dd if=/data of=/dev/null bs=4k iflag=direct; do :; done';
  for (const name of names) await root.sh(name, `(${script}) >/dev/null 2>&1 & echo $! >/reader`);
  const before = await Promise.all(names.map(readBytes));
  await new Promise((resolve) => setTimeout(resolve, 4000 * SLOWNESS));
  const after = await Promise.all(names.map(readBytes));
  for (const name of names) await root.sh(name, 'kill $(cat /reader) $(pidof dd) || :');
  const [light = 0, heavy = 0] = after.map((read, i) => read - (before[i] ?? 0));
  return heavy / light;
}

describe('a disk that goes by weights', () => {
  beforeAll(() => schedule('bfq'));

  it('IOWeight: what two that want the same disk get of it', async () => {
    await start('light', 'Resources.IOWeight=100');
    await start('heavy', 'Resources.IOWeight=400');
    expect(await ratio()).toBeGreaterThan(2);
    await root.ok(['config', 'unset', 'heavy', 'Resources.IOWeight']);
    expect(await ratio()).toBeLessThan(1.6);
  });

  it('IODeviceWeight: what two get of one disk, and again what is usual when it is unset', async () => {
    await start('light', 'Resources.IOWeight=400');
    await start('heavy');
    const before = await filesOf('heavy');
    await root.ok([
      'config',
      'set',
      'heavy',
      'Resources.IOWeight=200',
      `Resources.IODeviceWeight=${disk} 800`,
    ]);
    expect(await ratio()).toBeGreaterThan(1.3);
    await root.ok(['config', 'set', 'light', `Resources.IODeviceWeight=${root.path} 200`]);
    // The weight for all disks, written again, is not that of this one.
    const weighed = await filesOf('heavy');
    await root.ok(['config', 'set', 'heavy', 'Resources.IOWeight=300']);
    await root.ok(['config', 'set', 'heavy', 'Resources.IOWeight=200']);
    expect(await filesOf('heavy')).toEqual(weighed);
    expect(await ratio()).toBeGreaterThan(2);
    await root.ok(['config', 'unset', 'heavy', 'Resources.IOWeight', 'Resources.IODeviceWeight']);
    expect(await filesOf('heavy')).toEqual(before);
    expect(await ratio()).toBeLessThan(0.9);
  });

  it('a weight that BFQ does not know is refused', async () => {
    await root.create('box', 'Network.Private=yes');
    for (const setting of ['IOWeight=1001', `IODeviceWeight=${disk} 1001`]) {
      const set = await root.run(['config', 'set', 'box', `Resources.${setting}`]);
      const { exitCode, stderr } = set.exitCode === 0 ? await root.run(['start', 'box']) : set;
      expect(stderr).toMatch(/BFQ.* knows (them|weights) to 1000/);
      expect(exitCode).toBe(5);
      await root.run(['config', 'unset', 'box', 'Resources.IOWeight', 'Resources.IODeviceWeight']);
    }
  });
});

const QOS = '/sys/fs/cgroup/io.cost.qos';
const noIocost = existsSync(QOS) ? undefined : 'needs control groups of version 2 and a kernel with iocost';

testNeeding(noRoot(), noIocost)('a disk that goes by iocost: weights for all disks and for one', async () => {
  schedule('none');
  for (const name of ['light', 'heavy']) await start(name);
  const number = readFileSync(`/sys/block/${basename(disk)}/dev`, 'utf8').trim();
  // As slow a disk as every machine has: who waits waits for it, and not for a CPU.
  const slow = ['r', 'w'].map((way) => `${way}bps=4000000 ${way}seqiops=500 ${way}randiops=500`).join(' ');
  writeFileSync('/sys/fs/cgroup/io.cost.model', `${number} ctrl=user model=linear ${slow}`);
  writeFileSync(QOS, `${number} enable=1 ctrl=user rpct=0 wpct=0 min=100 max=100`);
  try {
    await root.ok(['config', 'set', 'light', 'Resources.IOWeight=100']);
    await root.ok(['config', 'set', 'heavy', 'Resources.IOWeight=2000']);
    expect(await ratio()).toBeGreaterThan(4);
    await root.ok(['config', 'unset', 'heavy', 'Resources.IOWeight']);
    expect(await ratio()).toBeLessThan(1.6);
    await root.ok(['config', 'set', 'light', `Resources.IODeviceWeight=${disk} 800`]);
    expect(await ratio()).toBeLessThan(0.5);
    await root.ok(['config', 'unset', 'light', 'Resources.IODeviceWeight']);
    expect(await ratio()).toBeGreaterThan(0.6);
  } finally {
    writeFileSync(QOS, `${number} enable=0`);
  }
});

const noMapper =
  noProgram('dmsetup') ??
  (existsSync('/dev/mapper/control') ? undefined : 'this kernel has no device mapper');

testNeeding(noRoot(), noMapper)('a disk that is made of another goes by what that one does', async () => {
  const mapped = `tsct-test-${root.hash}`;
  const file = `${root.path}/${mapped}`;
  await execa('truncate', ['-s', '8M', file]);
  const below = (await execa('losetup', ['--find', '--show', file])).stdout;
  try {
    await execa('dmsetup', ['create', mapped, '--table', `0 16384 linear ${below} 0`]);
    writeFileSync(`/sys/block/${basename(below)}/queue/scheduler`, 'bfq');
    await root.create('box', 'Network.Private=yes', `Resources.IODeviceWeight=/dev/mapper/${mapped} 300`);
    await root.ok(['start', 'box']);
    const number = readFileSync(`/sys/block/${basename(below)}/dev`, 'utf8').trim();
    expect(Object.values(await filesOf('box')).join('\n')).toContain(`${number} 300`);
  } finally {
    await root.run(['stop', '--kill', 'box']);
    await execa('dmsetup', ['remove', mapped], { reject: false });
    await execa('losetup', ['-d', below]);
    await rm(file);
  }
});

describe('a disk that does not', () => {
  beforeAll(() => schedule('none'));

  it('is told of, with what to do', async () => {
    await root.create('box', 'Network.Private=yes');
    await root.ok(['start', 'box']);
    const files = await filesOf('box');
    for (const setting of ['IOWeight=200', `IODeviceWeight=${root.path} 200`]) {
      for (const verb of ['set', 'start']) {
        const { exitCode, stderr } = await root.run(
          verb === 'set' ? ['config', 'set', 'box', `Resources.${setting}`] : ['start', 'box'],
        );
        expect(stderr).toContain(`Resources.${setting.split('=')[0]}=: its scheduler is none`);
        expect(stderr).toContain(`echo bfq >${queue('scheduler')}`);
        expect(exitCode).toBe(5);
        if (verb === 'start') continue;
        expect(await filesOf('box')).toEqual(files);
        expect(readFileSync(root.layout.configFile('box'), 'utf8')).not.toContain('Weight');
        await root.ok(['stop', '--kill', 'box']);
        await root.ok(['config', 'set', 'box', `Resources.${setting}`]);
      }
      await root.ok(['config', 'unset', 'box', `Resources.${setting.split('=')[0]}`]);
      await root.ok(['start', 'box']);
    }
  });
});
