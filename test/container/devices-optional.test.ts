import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { add, loops, remove } from '../support/loop-control.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// Loop devices are plugged in and pulled out as disks are: the kernel makes and removes node and device, and tells.
const it = testNeeding(noRoot());
const root = useRoot();

/** Far from those that losetup finds by itself. */
const FIRST = 300 + (process.pid % 200) * 4;
const LATE = `/dev/loop${FIRST}`;
let home = '';

beforeAll(async () => {
  home = await mkdtemp(join(root.path, '.disks-'));
  for (const word of ['first', 'final']) await writeFile(join(home, word), word.padEnd(1 << 20, '.'));
});
afterEach(() => unplug());
afterAll(() => rm(home, { recursive: true, force: true }));

async function plug(word: string): Promise<void> {
  await loops(add(FIRST));
  await execa('losetup', [LATE, join(home, word)]);
}
async function unplug(): Promise<void> {
  await execa('sh', ['-c', `[ ! -e ${LATE} ] || losetup -d ${LATE} 2>/dev/null; true`]);
  await execa('sh', ['-c', `until ! losetup ${LATE} 2>/dev/null; do :; done`]);
  await loops(`eval { ${remove(FIRST)} }`); // it may be gone
}

const start = (name: string, ...devices: string[]) =>
  root.start(name, ...devices.map((one) => `Resources.Device=${one}`));
const has = async (name: string, path: string) =>
  (await root.sh(name, `[ -b ${path} ] && echo there; true`)) === 'there';
const read = (name: string, path: string) => root.sh(name, `head -c 5 ${path} 2>&1; true`);

/** Rows of the supervisor's sockets of NETLINK_KOBJECT_UEVENT in proc_pid_net(5)'s netlink: their drops. */
function listening(supervisorPid: number | null): readonly number[] {
  const fds = `/proc/${supervisorPid}/fd`;
  const inodes = readdirSync(fds).map((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${fds}/${fd}`))?.[1];
    } catch {
      return undefined; // closed meanwhile
    }
  });
  return readFileSync('/proc/net/netlink', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((row) => row[1] === '15' && inodes.includes(row[9] ?? ''))
    .map((row) => Number(row[8]));
}

describe('Device= with optional', () => {
  it('is given when it comes, taken when it goes, as often as it does', async () => {
    await start('box', `${LATE}:/dev/disks/late:r,uid=7,gid=8,mode=640,optional`);
    expect(await has('box', '/dev/disks/late')).toBe(false);
    const { pid, supervisorPid } = await root.info('box');
    for (const word of ['first', 'final']) {
      await plug(word);
      await until(`${word} is given`, () => has('box', '/dev/disks/late'));
      expect(await root.sh('box', 'stat -c "%a %u:%g" /dev/disks/late')).toBe('640 7:8');
      await until('it may be read', async () => (await read('box', '/dev/disks/late')) === word);
      expect(await root.sh('box', '(: >/dev/disks/late) 2>&1; true')).toContain('Operation not permitted');
      await root.sh('box', 'mv /dev/disks/late /dev/kept');
      await loops(`${add(FIRST + 1)} ${remove(FIRST + 1)}`);
      await until('it is there again', () => has('box', '/dev/disks/late'));
      await unplug();
      await until(`${word} is taken`, async () => !(await has('box', '/dev/disks/late')));
      // The permission went as well, whatever name it has.
      await until('it may not be opened', async () => /not permitted/.test(await read('box', '/dev/kept')));
    }
    const rollup = readFileSync(`/proc/${supervisorPid}/smaps_rollup`, 'utf8');
    expect(Number(/Private_Dirty:\s+(\d+) kB/.exec(rollup)?.[1])).toBeLessThanOrEqual(100);
    expect(await root.info('box')).toMatchObject({ pid, supervisorPid });
  });

  it('is given after a reboot from inside, and by a change of what runs', async () => {
    await start('box');
    const { supervisorPid } = await root.info('box');
    expect(listening(supervisorPid)).toEqual([]);
    await root.ok(['config', 'set', 'box', `Resources.Device=${LATE}:/dev/late:optional`]);
    expect(listening(supervisorPid)).toHaveLength(1);
    await plug('first');
    await until('it is given', () => has('box', '/dev/late'));
    await root.run(['exec', 'box', '-T', '--', 'reboot']);
    await until('it is up again', async () => (await root.info('box')).boots === 2);
    expect(await read('box', '/dev/late')).toBe('first');
    await unplug();
    await until('it is taken', async () => !(await has('box', '/dev/late')));
    await plug('final');
    await until('it is given again', () => has('box', '/dev/late'));
    await root.ok(['config', 'unset', 'box', 'Resources.Device']);
    expect(await has('box', '/dev/late')).toBe(false);
    expect(listening(supervisorPid)).toEqual([]);
  });

  it('is not missed while the container starts, nor when more is told than there is room for', async () => {
    await root.ok(['create', 'box', '--template', 'busybox', '--set', `Resources.Device=${LATE}:optional`]);
    for (let round = 0; round < 4; round++) {
      const [, started] = await Promise.all([
        loops(`select(undef, undef, undef, 0.1 + 0.05 * ${round}); ${add(FIRST)}`),
        root.ok(['start', 'box']),
      ]);
      expect(started.exitCode).toBe(0);
      await until(`it is given in round ${round}`, () => has('box', LATE));
      await root.ok(['stop', 'box', '--kill']);
      await unplug();
    }
    await root.ok(['start', 'box']);
    const supervisorPid = Number((await root.info('box')).supervisorPid);
    process.kill(supervisorPid, 'SIGSTOP');
    try {
      // Words of something without a node, so that nothing but the loss itself says that there is to be looked.
      const words = 'for (1..2000) { open(my $u, ">", "/sys/class/net/lo/uevent"); syswrite($u, "change"); }';
      await loops(`${words} ${add(FIRST)}`);
      expect(listening(supervisorPid)[0], 'messages are lost').toBeGreaterThan(0);
    } finally {
      process.kill(supervisorPid, 'SIGCONT');
    }
    await until('it is given', () => has('box', LATE));
  });

  it('of the USB is looked up by its numbers', async () => {
    await root.ok(['create', 'box', '--template', 'busybox']);
    await root.ok(['config', 'set', 'box', 'Resources.Device=usb:FFFE:fffd']);
    const { exitCode, stderr } = await root.run(['start', 'box']);
    expect(stderr).toMatch(/find device usb:fffe:fffd: .*no such device is plugged in/);
    expect(exitCode).toBe(5);
    await root.ok(['config', 'set', 'box', 'Resources.Device=usb:fffe:fffd:rw,optional']);
    await root.ok(['start', 'box']);
    expect(await root.sh('box', 'ls -d /dev/bus 2>/dev/null; true')).toBe('');
  });
});
