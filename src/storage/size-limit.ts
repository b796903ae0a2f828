import { ExitCode, TsctError } from '../base/errors.js';
import type { MountEntry } from '../host/mount-table.js';

/** What enforces a size: the quota of a project (ext4, xfs), of a subvolume (btrfs), or the size of a tmpfs. */
export type LimitedBy = 'project' | 'subvolume' | 'memory';

/**
 * What enforces [Storage] SizeMax= on the file system of the state root.
 * @param root.isSubvolume the writable tree is one (driver btrfs, and not what --ephemeral writes to).
 * @throws TSCT_HOST_NO_QUOTA (exit 5) with the commands that mend it: a limit is never left out silently.
 */
export function sizeLimitedBy(
  name: string,
  root: { readonly inMemory: boolean; readonly isSubvolume: boolean },
  disk: Pick<MountEntry, 'mount' | 'fsType' | 'source' | 'superOptions'>,
): LimitedBy {
  if (root.inMemory) return 'memory';
  const fail = (why: string, hint: string) =>
    new TsctError('TSCT_HOST_NO_QUOTA', `cannot limit the size of ${name} (Storage.SizeMax): ${why}`, {
      exitCode: ExitCode.HostLacks,
      hint,
    });
  const { mount, fsType, source, superOptions } = disk;
  if (fsType === 'btrfs') {
    if (root.isSubvolume) return 'subvolume';
    throw fail(
      `what it writes is no subvolume of the btrfs on ${mount}`,
      'on btrfs a size needs Storage.Driver=btrfs, which takes effect at create or clone, and a start without --ephemeral',
    );
  }
  if (fsType !== 'ext4' && fsType !== 'xfs') {
    throw fail(
      `${mount} is ${fsType}, which has no quotas that tsct knows`,
      'move the state root to ext4, xfs or btrfs',
    );
  }
  if (superOptions.includes('prjquota') || superOptions.includes('pquota')) return 'project';
  throw fail(`${source} on ${mount} is mounted without project quotas`, mend(fsType, source, mount));
}

function mend(fsType: 'ext4' | 'xfs', source: string, mount: string): string {
  const tune = `tune2fs -O project,quota ${source}`;
  if (mount === '/') {
    const first = fsType === 'ext4' ? `${tune} from a rescue system, then ` : '';
    return `${first}rootflags=prjquota on the command line of the kernel`;
  }
  const steps = [
    `umount ${mount}`,
    ...(fsType === 'ext4' ? [tune] : []),
    `mount -o prjquota ${source} ${mount}`,
  ];
  return `${steps.join(' && ')}; and prjquota among its options in /etc/fstab`;
}
