import { constants } from 'node:os';
import { ExitCode, TsctError, type TsctErrorOptions } from '../base/errors.js';
import type { NativeError } from './protocol.js';

// Two names for one number: the last counts, and EAGAIN is better known than EWOULDBLOCK.
const ERRNO_NAMES = new Map(
  [...Object.entries(constants.errno), ['EAGAIN', constants.errno.EAGAIN] as const].map(([name, value]) => [
    value,
    name,
  ]),
);

/** Words for the numbers of errno(3) that tsct's steps meet. */
const ERRNO_WORDS: Readonly<Record<string, string>> = {
  EPERM: 'not permitted',
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EBUSY: 'busy',
  EEXIST: 'exists already',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EINVAL: 'the kernel does not take these arguments',
  ENOSPC: 'no space left, or a limit on the number of objects is reached',
  EROFS: 'read-only file system',
  ELOOP: 'too many symbolic links, or one that leads out of the root',
  ENOSYS: 'this kernel does not have the call',
  EOPNOTSUPP: 'this file system or kernel does not support it',
  ENOEXEC: 'not a program that this machine can run',
  ENOMEM: 'out of memory',
  EXDEV: 'leads out of the root, or to another file system',
  EAGAIN: 'a limit is reached',
  EDQUOT: 'the quota is used up',
  ETIMEDOUT: 'it took too long',
  EMFILE: 'more files would have to be open than ulimit -n allows',
  ENOTEMPTY: 'not empty',
  ENODEV: 'no such device',
  ENETUNREACH: 'out of reach of every address of the interface',
  EADDRINUSE: 'taken already',
  EADDRNOTAVAIL: 'this host does not have the address',
  ENOTTY: 'this file system does not have the call',
};

interface Rule {
  readonly step: RegExp;
  readonly errno?: readonly string[];
  readonly hint: string;
  readonly exitCode?: ExitCode;
}

/** What to do about it; the first rule that matches step and errno counts. */
const HINTS: readonly Rule[] = [
  {
    step: /^(find|exec)\b.*init|^exec/,
    errno: ['ENOENT', 'EACCES', 'ENOEXEC', 'ENOTDIR', 'ELOOP', 'EISDIR'],
    hint: 'the root needs an executable /sbin/init (or set one: tsct config set NAME Exec.Init=/path/to/init)',
  },
  {
    step: /^run nft/,
    errno: ['ENOENT'],
    exitCode: ExitCode.HostLacks,
    hint: 'networks of tsct need nft(8), Debian package nftables; Network.Private=yes does without',
  },
  {
    step: /^start service of network/,
    errno: ['ENOENT', 'EACCES'],
    exitCode: ExitCode.HostLacks,
    hint: 'networks of tsct need dnsmasq(8), Debian package dnsmasq-base; Network.Private=yes does without',
  },
  {
    step: /^make (bridge|link)/,
    errno: ['EEXIST'],
    exitCode: ExitCode.WrongState,
    hint: 'see who made it with ip -d link; then rename it, delete it, or take another network',
  },
  {
    step: /^make (bridge|link)/,
    errno: ['EOPNOTSUPP', 'ENODEV'],
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel needs bridge and veth: see tsct check',
  },
  {
    step: /^join link to bridge/,
    errno: ['ENODEV'],
    hint: 'make the bridge first, or name a network of tsct: Network.eth0.Network=tsct0',
  },
  {
    step: /^bind port/,
    errno: ['EADDRINUSE'],
    exitCode: ExitCode.WrongState,
    hint: 'stop what has it, or publish another port: see Port= in tsct.conf(5)',
  },
  {
    step: /^bind port/,
    errno: ['EADDRNOTAVAIL'],
    exitCode: ExitCode.HostLacks,
    hint: 'see ip addr for the addresses there are; Port= without one publishes on all',
  },
  {
    step: /^turn on forwarding/,
    exitCode: ExitCode.HostLacks,
    hint: 'let whoever may write there set net.ipv4.ip_forward=1 and net.ipv6.conf.all.forwarding=1',
  },
  {
    step: /^load rules/,
    hint: 'the kernel needs nf_tables with NAT, see tsct check; nft -c -f shows more',
  },
  {
    step: /^limit size/,
    exitCode: ExitCode.HostLacks,
    hint: 'Storage.SizeMax= needs quotas that are turned on: see tsct.conf(5); without them take it out',
  },
  {
    step: /^make volatile root/,
    errno: ['EINVAL'],
    hint: 'Volatile=yes needs an image with all programs below /usr; Storage.Volatile=overlay takes any',
  },
  {
    step: /id ?map|layer|idmapped/,
    errno: ['EINVAL', 'EOPNOTSUPP', 'ENOSYS', 'EPERM'],
    exitCode: ExitCode.HostLacks,
    hint: 'the file system of the state root cannot be id-mapped by this kernel: see tsct check',
  },
  {
    step: /^bind /,
    errno: ['EINVAL', 'EPERM'],
    hint: 'its file system, or one mounted below it, cannot be id-mapped: add :noidmap, or :norbind to leave those out',
  },
  {
    step: /cgroup/,
    errno: ['ENOENT', 'EROFS', 'EACCES', 'EPERM'],
    exitCode: ExitCode.HostLacks,
    hint: 'tsct needs a writable cgroup tree: see tsct check',
  },
  {
    step: /claim id range/,
    hint: 'stop what has them, or make the container again: a new one gets ids that are free',
    exitCode: ExitCode.WrongState,
  },
  {
    step: /rlimit|limit/,
    errno: ['EPERM'],
    exitCode: ExitCode.HostLacks,
    hint: 'raising a hard limit needs CAP_SYS_RESOURCE: ask for less, or raise the limit of the host',
  },
  {
    step: /seccomp/,
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel needs CONFIG_SECCOMP_FILTER: see tsct check',
  },
  {
    step: /name ?space|clone/,
    errno: ['ENOSPC', 'EPERM', 'EUSERS'],
    exitCode: ExitCode.HostLacks,
    hint: 'raise /proc/sys/user/max_user_namespaces (and its neighbours): see tsct check',
  },
  { step: /./, errno: ['EROFS'], hint: 'is the state root on a read-only file system?' },
  { step: /./, errno: ['ENOSPC', 'EDQUOT'], hint: 'free some space below the state root' },
  {
    step: /./,
    errno: ['ENOSYS', 'EOPNOTSUPP'],
    exitCode: ExitCode.HostLacks,
    hint: 'see what this host lacks: tsct check',
  },
];

/**
 * Turns a failed step of a native program into the error that the user reads. The only place that does.
 * @param doing what the user asked for, without `cannot`: `start web`.
 */
export function describeNativeError(doing: string, error: NativeError): TsctError {
  const errno = ERRNO_NAMES.get(error.errno);
  const what = error.target ? `${error.step} ${error.target}` : error.step;
  const why = [
    error.detail,
    errno &&
      `${error.call ? `${error.call}: ` : ''}${errno}${ERRNO_WORDS[errno] ? ` (${ERRNO_WORDS[errno]})` : ''}`,
  ].filter(Boolean);
  const rule = HINTS.find((r) => r.step.test(error.step) && (!r.errno || (errno && r.errno.includes(errno))));
  const options: TsctErrorOptions = {
    ...(rule ? { hint: rule.hint } : {}),
    ...(rule?.exitCode === undefined ? {} : { exitCode: rule.exitCode }),
    cause: error,
  };
  const message = `cannot ${doing}: ${what}${why.length > 0 ? `: ${why.join(': ')}` : ''}`;
  return new TsctError('TSCT_NATIVE', message, options);
}

/**
 * Words the failure of a native program: the line of JSON that it ends with, else whatever it said.
 * @param said its stderr. @param code what it ended with, or the name of the signal.
 */
export function describeProgramFailure(
  program: string,
  doing: string,
  said: string,
  code: number | string | null,
): TsctError {
  const line = said.split('\n').find((text) => text.startsWith('{') && text.includes('"step"'));
  if (line !== undefined) {
    const parsed = JSON.parse(line) as NativeError | { readonly error: NativeError };
    return describeNativeError(doing, 'error' in parsed ? parsed.error : parsed);
  }
  const text = said.trim();
  return new TsctError(
    'TSCT_PROGRAM_FAILED',
    `cannot ${doing}: ${program} ended with ${code}${text && `: ${text}`}`,
  );
}
