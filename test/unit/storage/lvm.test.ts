import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  makeFileSystem,
  makeVolume,
  mountVolume,
  removeVolume,
  snapshotVolume,
} from '../../../src/storage/lvm.js';

// What lvm2 is told, by stand-ins that write it down; that it does what is meant is seen in test/vm/lvm-thin.test.ts.
const PATH = process.env['PATH'] ?? '';
const maker = { stateRoot: '/srv/my containers', pinFd: 2 };
let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tsct-lvm-'));
  process.env['PATH'] = `${dir}:${PATH}`;
  for (const program of ['lvs', 'lvcreate', 'lvchange', 'lvremove', 'mkfs.ext4', 'mount'])
    await says(program);
});

afterEach(async () => {
  process.env['PATH'] = PATH;
  await rm(dir, { recursive: true });
});

/** Has a program write down its words, print this, and end with a code. */
async function says(program: string, stdout = '', stderr = '', code = 0): Promise<void> {
  const script = `#!/bin/sh
echo ${program} "$@" >>${dir}/said
echo '${stdout}'
echo '${stderr}' >&2
exit ${code}
`;
  await writeFile(join(dir, program), script);
  await chmod(join(dir, program), 0o755);
}

const said = async () => (await readFile(join(dir, 'said'), 'utf8')).trimEnd().split('\n');

describe('a volume', () => {
  it('is as large as its pool, tagged, and not activated at boot', async () => {
    await says('lvs', '  629145600:thin-pool');
    await makeVolume('vg/pool', 'vg/tsct-1', maker);
    expect((await said())[1]).toBe(
      'lvcreate -y --thin --virtualsize 629145600b --name tsct-1 --addtag tsct --addtag tsct=/srv/my_containers -ky -K -ay vg/pool',
    );
  });

  it('is snapshotted without being activated, and removed only if it is tagged', async () => {
    await snapshotVolume('vg/tsct-1', 'vg/tsct-2', maker);
    await removeVolume('vg/tsct-2');
    expect(await said()).toEqual([
      'lvcreate -s --name tsct-2 --addtag tsct --addtag tsct=/srv/my_containers -ky vg/tsct-1',
      'lvremove -f -y -S vg_name=vg && lv_name=tsct-2 && lv_tags=tsct',
    ]);
  });

  it('knows project quotas, gives back what is freed, and has no device nodes', async () => {
    await makeFileSystem('vg/tsct-1');
    await mountVolume('vg/tsct-1', '/there');
    expect(await said()).toEqual([
      'mkfs.ext4 -q -m 0 -O quota,project -E assume_storage_prezeroed=1,nodiscard,quotatype=prjquota /dev/vg/tsct-1',
      'lvchange -ay -K vg/tsct-1',
      'mount -t ext4 -o nodev,discard,prjquota /dev/vg/tsct-1 /there',
    ]);
  });
});

describe('what lvm2 refuses', () => {
  it.each([
    ['there is none of that name', '', '  Failed to find logical volume "vg/pool"', 5],
    ['it is another kind of volume', '  629145600:linear', '', 0],
  ])('no thin pool: %s', async (_, stdout, stderr, code) => {
    await says('lvs', stdout, stderr, code);
    await expect(makeVolume('vg/pool', 'vg/tsct-1', maker)).rejects.toMatchObject({
      code: 'TSCT_NO_POOL',
      exitCode: 5,
      message: 'cannot use vg/pool: there is no such thin pool',
    });
  });

  it('a full pool, in the words of lvm2 2.03.16', async () => {
    const full = 'Cannot create new thin volume, free space in thin pool tv/pool reached threshold.';
    await says('lvcreate', '', `  WARNING: Thin pool tv/pool is out of data space.\n  ${full}`, 5);
    await expect(snapshotVolume('tv/tsct-1', 'tv/tsct-2', maker)).rejects.toMatchObject({
      code: 'TSCT_POOL_FULL',
      message: 'cannot snapshot volume tv/tsct-1: the pool is full',
    });
  });

  it('a kernel without device mapper', async () => {
    await says('lvchange', '', '  /dev/mapper/control: open failed: No such file or directory', 5);
    await expect(mountVolume('tv/tsct-1', '/there')).rejects.toMatchObject({
      code: 'TSCT_HOST_NO_DEVICE_MAPPER',
      exitCode: 5,
    });
  });

  it('is told as it is said when nobody knows better', async () => {
    await says('lvremove', '', '  Logical volume tv/tsct-1 contains a filesystem in use.', 5);
    await expect(removeVolume('tv/tsct-1')).rejects.toThrow(
      'cannot remove volume tv/tsct-1: lvremove ended with 5:   Logical volume tv/tsct-1 contains a filesystem in use.',
    );
  });
});
