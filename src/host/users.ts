import { statSync } from 'node:fs';
import { TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import type { HostPath } from '../base/paths.js';

/** A user of the host, by whatever /etc/nsswitch.conf asks. */
export interface HostUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Name of his group; empty if there is none with that number. */
  readonly group: string;
  /** First part of the comment field; may be empty. */
  readonly realName: string;
  readonly home: HostPath;
  /** `home` is a directory that is there. */
  readonly hasHome: boolean;
  readonly shell: string;
  /** As crypt(5) has it; absent: nobody can log in with a password. */
  readonly hashedPassword?: string;
}

/** @returns undefined if there is no such user. @throws TSCT_PROGRAM_FAILED, TSCT_PROGRAM_MISSING. */
export async function readHostUser(name: string): Promise<HostUser | undefined> {
  const [passwd, shadow] = await Promise.all([lookUp('passwd', name), lookUp('shadow', name)]);
  if (passwd === undefined) return undefined;
  const [own = '', , uid, gid = '', comment = '', home = '', shell = ''] = passwd;
  const group = await lookUp('group', gid);
  const hash = shadow?.[1] ?? '';
  return {
    name: own,
    uid: Number(uid),
    gid: Number(gid),
    group: group?.[0] ?? '',
    realName: comment.split(',')[0] ?? '',
    home,
    hasHome: statSync(home, { throwIfNoEntry: false })?.isDirectory() ?? false,
    shell,
    // What is locked begins with ! or *.
    ...(/^[$./0-9A-Za-z_]/.test(hash) ? { hashedPassword: hash } : {}),
  };
}

/** Fields of one entry. getent(1) ends with 2 if there is none. */
async function lookUp(database: 'passwd' | 'group' | 'shadow', key: string): Promise<string[] | undefined> {
  try {
    const line = await run('getent', [database, key], {
      doing: `look up ${key} in ${database}`,
      debianPackage: 'libc-bin',
    });
    return line.split(':');
  } catch (error) {
    const cause = error instanceof TsctError ? error.cause : undefined;
    if ((cause as { exitCode?: number } | undefined)?.exitCode === 2) return undefined;
    throw error;
  }
}
