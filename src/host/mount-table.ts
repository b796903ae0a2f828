import { readFileSync, realpathSync } from 'node:fs';
import { TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountEntry {
  readonly mount: HostPath;
  readonly fsType: string;
  readonly source: string;
  /** Per-mount options: `ro`, `nodev`, ... */
  readonly mountOptions: readonly string[];
  /** Per-superblock options: v1 controllers are among them. */
  readonly superOptions: readonly string[];
}

/** File systems that an overlay cannot have its upper layer on (kernel Documentation/filesystems/overlayfs.rst). */
const NO_UPPER = /^(overlay|nfs\d*|cifs|smb3|vfat|msdos|exfat|ntfs3?|9p|fuse\b.*)$/;

/** Whether an overlay can have its upper layer on a file system of this type. */
export function canHoldUpper(fsType: string): boolean {
  return !NO_UPPER.test(fsType);
}

/** Reads what is mounted in this process's mount namespace, in mount order. */
export function readMountTable(): readonly MountEntry[] {
  return parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** Parses the text of a mountinfo file; lines that are not of its form are left out. */
export function parseMountTable(text: string): readonly MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ', 2);
    const [, , , , mount, mountOptions] = left?.split(' ') ?? [];
    const [fsType, source, superOptions] = right?.split(' ') ?? [];
    if (!mount || !mountOptions || !fsType || superOptions === undefined) return [];
    return [
      {
        mount: unescapeOctal(mount),
        fsType,
        source: unescapeOctal(source ?? ''),
        mountOptions: mountOptions.split(','),
        superOptions: superOptions.split(','),
      },
    ];
  });
}

/** Blanks, tabs, newlines and backslashes stand as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * The mount that a path lies on: the longest mount point above it; of several there, the uppermost.
 * @param path an existing path on the host; links are followed.
 */
export function mountOf(path: HostPath, table: readonly MountEntry[]): MountEntry {
  const real = realpathSync(path);
  let found: MountEntry | undefined;
  for (const entry of table) {
    const inside = entry.mount === '/' || real === entry.mount || real.startsWith(`${entry.mount}/`);
    if (inside && entry.mount.length >= (found?.mount.length ?? 0)) found = entry;
  }
  if (!found) {
    throw new TsctError(
      'TSCT_NO_MOUNT',
      `cannot find the file system of ${path}: no mount above it is visible`,
    );
  }
  return found;
}
