import { describe, expect, it } from 'vitest';
import { parseMountTable } from '../../../src/host/mount-table.js';
import { sizeLimitedBy } from '../../../src/storage/size-limit.js';

const disk = (fsType: string, superOptions: string, mount = '/srv') => {
  const [entry] = parseMountTable(
    `36 35 8:17 / ${mount} rw,relatime shared:1 - ${fsType} /dev/sdb1 ${superOptions}\n`,
  );
  if (!entry) throw new Error('no mount');
  return entry;
};
const onDisk = { inMemory: false, isSubvolume: false };
const refusal = (of: ReturnType<typeof disk>) => {
  try {
    sizeLimitedBy('web', onDisk, of);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('sizeLimitedBy', () => {
  it('is what the disk has', () => {
    expect(sizeLimitedBy('web', onDisk, disk('ext4', 'rw,prjquota'))).toBe('project');
    expect(sizeLimitedBy('web', onDisk, disk('xfs', 'rw,attr2,prjquota'))).toBe('project');
    expect(sizeLimitedBy('web', { ...onDisk, isSubvolume: true }, disk('btrfs', 'rw,space_cache=v2'))).toBe(
      'subvolume',
    );
    expect(sizeLimitedBy('web', { ...onDisk, inMemory: true }, disk('ext4', 'rw'))).toBe('memory');
  });

  it.each([
    [
      'ext4',
      '/srv',
      'umount /srv && tune2fs -O project,quota /dev/sdb1 && mount -o prjquota /dev/sdb1 /srv; ',
    ],
    ['xfs', '/srv', 'umount /srv && mount -o prjquota /dev/sdb1 /srv; and prjquota'],
    ['ext4', '/', 'tune2fs -O project,quota /dev/sdb1 from a rescue system, then rootflags=prjquota'],
    ['xfs', '/', 'rootflags=prjquota on the command line of the kernel'],
    ['btrfs', '/srv', 'Storage.Driver=btrfs'],
    ['tmpfs', '/srv', 'move the state root to ext4, xfs or btrfs'],
  ])('%s on %s without: exit 5, and the way to mend it', (type, mount, hint) => {
    expect(refusal(disk(type, 'rw,usrquota', mount))).toMatchObject({
      code: 'TSCT_HOST_NO_QUOTA',
      exitCode: 5,
      hint: expect.stringContaining(hint),
    });
  });
});
