import { describe, expect, it } from 'vitest';
import { findCgroupMounts } from '../../../src/host/cgroup-layout.js';
import { mountOf, parseMountTable } from '../../../src/host/mount-table.js';

const HYBRID = `
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:29 / /mnt/again rw - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
42 27 0:40 / /srv/a\\040b\\134c rw - tmpfs none rw
43 27 8:1 / /tmp rw - xfs /dev/sdb rw
44 27 8:1 / /tmp rw,nodev - tmpfs over rw
broken line
`;
const PURE = '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n';

describe('parseMountTable', () => {
  it('reads the fields, optional ones or not, and undoes octal escapes', () => {
    const table = parseMountTable(HYBRID);
    expect(table).toHaveLength(10);
    expect(table.find(({ fsType, source }) => fsType === 'tmpfs' && source === 'none')?.mount).toBe(
      '/srv/a b\\c',
    );
    expect(parseMountTable(PURE)[0]).toEqual({
      mount: '/sys/fs/cgroup',
      fsType: 'cgroup2',
      source: 'cgroup2',
      mountOptions: ['rw', 'nosuid'],
      superOptions: ['rw', 'nsdelegate'],
    });
  });

  it('takes the uppermost of several mounts on one place', () => {
    const table = parseMountTable(HYBRID);
    expect(mountOf('/tmp', table).source).toBe('over');
    expect(mountOf('/etc', table).fsType).toBe('ext4');
    expect(() => mountOf('/etc', [])).toThrowError(expect.objectContaining({ code: 'TSCT_NO_MOUNT' }));
  });
});

describe('findCgroupMounts', () => {
  it('finds every v1 hierarchy once, beside the unified tree', () => {
    expect(findCgroupMounts(parseMountTable(HYBRID))).toEqual({
      unifiedMount: '/sys/fs/cgroup/unified',
      v1: [
        { mount: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
        { mount: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
      ],
    });
  });

  it('knows pure v2, and no cgroup2 at all', () => {
    expect(findCgroupMounts(parseMountTable(PURE))).toEqual({ unifiedMount: '/sys/fs/cgroup', v1: [] });
    expect(findCgroupMounts(parseMountTable('27 1 254:0 / / rw - ext4 /dev/vda rw\n'))).toBeUndefined();
  });
});
