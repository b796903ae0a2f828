import { badLine, type CheckLine, okLine } from './check-line.js';
import type { LimitPair } from './facts.js';
import { FIRST_ID_BASE, findConflict, ID_RANGE_SIZE, LAST_ID_BASE, type TakenRange } from './id-ranges.js';
import type { MountEntry } from './mount-table.js';

/** Without these nothing starts: namespaces, id maps, mounts, device nodes, links, dropping privileges. */
const NEEDED_CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_ADMIN',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_ADMIN',
  'CAP_SYS_CHROOT',
];

export function judgePrivileges(uid: number, capabilities: readonly string[]): readonly CheckLine[] {
  if (uid !== 0) {
    return [
      badLine('privileges', 'root', {
        required: true,
        found: `uid ${uid}; what the kernel can do was not tried`,
        fix: 'sudo tsct check',
      }),
    ];
  }
  const lacking = NEEDED_CAPABILITIES.filter((name) => !capabilities.includes(name));
  if (lacking.length > 0) {
    return [
      badLine('privileges', 'capabilities', {
        required: true,
        found: `root without ${lacking.join(', ')}`,
        fix: 'run tsct outside the sandbox or container that took them away',
      }),
    ];
  }
  return [okLine('privileges', 'capabilities', 'root with all that is needed', true)];
}

/** systemd gives its services this hard limit; guests are tuned to it. */
const OPEN_FILES_WANTED = 524288;

/**
 * @param limit RLIMIT_NOFILE of this process: what a guest gets where nobody may raise it.
 */
export function judgeOpenFiles(limit: LimitPair, capabilities: readonly string[]): CheckLine {
  const name = 'hard limit of open files';
  const mayRaise = capabilities.includes('CAP_SYS_RESOURCE');
  if (limit.hard >= OPEN_FILES_WANTED) return okLine('limits', name, String(limit.hard));
  if (mayRaise) return okLine('limits', name, `${limit.hard}, raised for guests (CAP_SYS_RESOURCE)`);
  return badLine('limits', name, {
    required: false,
    found: `${limit.hard} and no CAP_SYS_RESOURCE to raise it: guests get no more, whatever LimitNOFILE= says`,
    fix: `from a process that has CAP_SYS_RESOURCE: prlimit --pid ${process.ppid} --nofile=${OPEN_FILES_WANTED}`,
  });
}

/** @param lsms as in HostFacts. */
export function judgeModules(lsms: readonly string[]): CheckLine {
  const name = 'security modules';
  if (lsms.length > 0) return okLine('security', name, lsms.join(', '));
  return badLine('security', name, {
    required: false,
    found: 'unknown: securityfs is not mounted',
    fix: 'mount -t securityfs securityfs /sys/kernel/security',
  });
}

export function judgeIdRanges(taken: readonly TakenRange[]): CheckLine {
  let free = 0;
  for (let base = FIRST_ID_BASE; base <= LAST_ID_BASE; base += ID_RANGE_SIZE) {
    if (!findConflict({ base, size: ID_RANGE_SIZE }, taken)) free++;
  }
  const name = 'ranges of 65536 ids';
  if (free > 0) return okLine('ids', name, `${free} free from ${FIRST_ID_BASE} on`, true);
  const owner = findConflict({ base: FIRST_ID_BASE, size: ID_RANGE_SIZE }, taken)?.by;
  return badLine('ids', name, {
    required: true,
    found: `none is free: the first is taken by ${owner}`,
    fix: `take lines out of /etc/subuid and /etc/subgid that cover ids from ${FIRST_ID_BASE} to ${LAST_ID_BASE + ID_RANGE_SIZE - 1}`,
  });
}

/** Below this a single Debian root does not fit. */
const FREE_BYTES_WANTED = 1024 ** 3;

/**
 * @param dir the state root, or the nearest directory above it that exists. @param freeBytes on its file system.
 */
export function judgeStateRoot(dir: string, mount: MountEntry, freeBytes: number): readonly CheckLine[] {
  const name = 'state root';
  const where = `${dir} on ${mount.fsType} (${mount.source})`;
  if (mount.mountOptions.includes('ro') || mount.superOptions.includes('ro')) {
    const fix = `mount -o remount,rw ${mount.mount}`;
    return [badLine('storage', name, { required: true, found: `${where} is read-only`, fix })];
  }
  const free = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`;
  if (freeBytes >= FREE_BYTES_WANTED) return [okLine('storage', name, `${where}, ${free}`, true)];
  return [
    badLine('storage', name, {
      required: false,
      found: `${where}, only ${free}`,
      fix: 'free some space there, or use a state root on another disk: tsct --root DIR',
    }),
  ];
}
