import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { badLine, type CheckLine, okLine } from './check-line.js';

export interface Tool {
  /** Name to be found in PATH, or absolute path of a file. */
  readonly program: string;
  readonly debianPackage: string;
  /** What does not work without it. */
  readonly use: string;
}

/** Needed by no container once it is made. */
const OTHER_TOOLS: readonly Tool[] = [
  { program: 'unshare', debianPackage: 'util-linux', use: 'create --template' },
  { program: 'setpriv', debianPackage: 'util-linux', use: 'create --template' },
  {
    program: '/usr/share/keyrings/debian-archive-keyring.gpg',
    debianPackage: 'debian-archive-keyring',
    use: 'create --template debian: checking signatures',
  },
  { program: 'lvcreate', debianPackage: 'lvm2', use: 'Storage.Driver=lvm-thin' },
  {
    program: 'thin_check',
    debianPackage: 'thin-provisioning-tools',
    use: 'Storage.Driver=lvm-thin: activating a pool',
  },
  {
    program: 'lxcfs',
    debianPackage: 'lxcfs',
    use: 'showing a container its own share in /proc/meminfo, /proc/cpuinfo and the like (they show the host)',
  },
  { program: 'runc', debianPackage: 'runc', use: 'running what start --export-bundle writes' },
];

/**
 * Looks for programs as execvp(3) would.
 * @param path a PATH. @param recipeTools what the recipes of root filesystems say they need.
 */
export function judgeTools(path: string, recipeTools: readonly Tool[]): readonly CheckLine[] {
  return [...recipeTools, ...OTHER_TOOLS].map(({ program, debianPackage, use }) => {
    const found = findProgram(program, path);
    if (found) return okLine('tools', program, found);
    return badLine('tools', program, {
      required: false,
      found: `not installed: ${use} does not work`,
      fix: `apt-get install ${debianPackage}`,
    });
  });
}

/** As execvp(3) looks for it. */
export function findProgram(program: string, path: string): string | undefined {
  if (program.startsWith('/')) return isAllowed(program, constants.R_OK) ? program : undefined;
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((dir) => join(dir, program))
    .find((file) => isAllowed(file, constants.X_OK));
}

function isAllowed(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}
