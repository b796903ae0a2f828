import { ExitCode, TsctError } from '../base/errors.js';
import type { LimitValue } from '../definition/limit-values.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { HostFacts } from '../host/facts.js';
import { type OciProcess, RLIMIT_INFINITY } from './oci.js';
import { readOsRelease } from './os-release.js';
import type { PlanInput } from './plan-input.js';

/**
 * systemd-nspawn's set with a network of its own: what an init and its services need inside a user namespace. Out:
 * the host's own (SYS_MODULE, SYS_RAWIO, SYS_TIME, SYSLOG, MAC_*, BPF, PERFMON, ...).
 */
const DEFAULT_CAPABILITIES: readonly string[] = (
  'AUDIT_CONTROL AUDIT_WRITE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_OWNER KILL LEASE LINUX_IMMUTABLE ' +
  'MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT ' +
  'SYS_CHROOT SYS_NICE SYS_PTRACE SYS_RESOURCE SYS_TTY_CONFIG'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** A machine-id's digits, as a UUID has them. */
const UUID_PARTS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

/** The container's machine-id (machine-id(5)): 32 hex digits. */
export function machineIdOf({ definition, identity }: Pick<PlanInput, 'definition' | 'identity'>): string {
  return definition.exec.machineId ?? identity.uuid.replaceAll('-', '');
}

/** The set that init starts with, sorted; DropCapability= wins. */
export function buildCapabilities(exec: ContainerDefinition['exec']): readonly string[] {
  const dropped = new Set(exec.dropCapabilities);
  return [...new Set([...DEFAULT_CAPABILITIES, ...exec.capabilities])]
    .filter((name) => !dropped.has(name))
    .sort();
}

/**
 * `container=lxc`, because OpenRC knows only lxc, docker, rkt and systemd-nspawn (anything else boots as on bare
 * metal, with fsck and hwclock), and of these `lxc` is what stock images of every init are tried with; runit only asks
 * that it is set. systemd reads /run/host/container-manager, which names tsct, before it: both learn what they need.
 */
const CONTAINER_KIND = 'lxc';

/** A fresh environment: nothing of the caller's, Environment= last and winning. */
function buildEnvironment(input: PlanInput, hasCredentials: boolean): readonly string[] {
  const { definition, facts } = input;
  const host = readOsRelease(facts.osRelease);
  const env: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    USER: 'root',
    LOGNAME: 'root',
    TERM: 'xterm-256color',
    container: CONTAINER_KIND,
    container_uuid: machineIdOf(input).replace(UUID_PARTS, '$1-$2-$3-$4-$5'),
  };
  if (definition.exec.notifyReady) env['NOTIFY_SOCKET'] = '/run/host/notify';
  if (hasCredentials) env['CREDENTIALS_DIRECTORY'] = '/run/host/credentials';
  for (const key of ['ID', 'VERSION_ID', 'BUILD_ID', 'VARIANT_ID']) {
    const value = host[key];
    if (value) env[`container_host_${key.toLowerCase()}`] = value;
  }
  for (const item of definition.exec.environment) {
    const equals = item.indexOf('=');
    env[item.slice(0, equals)] = item.slice(equals + 1);
  }
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

const MEBIBYTE = 1024 ** 2;
const UNLIMITED = Number.POSITIVE_INFINITY;
const LIMIT_NAMES =
  'CPU FSIZE DATA STACK CORE RSS NOFILE AS NPROC MEMLOCK LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME'.split(
    ' ',
  ) as readonly LimitName[];
type LimitName = keyof ContainerDefinition['exec'] extends infer K
  ? K extends `limit${infer N}`
    ? N
    : never
  : never;

/** What the kernel gives its own first process (include/asm-generic/resource.h), as systemd-nspawn does. */
function kernelDefault(name: LimitName, facts: HostFacts): LimitValue {
  const fixed: Partial<Record<LimitName, LimitValue>> = {
    CORE: { soft: 0, hard: UNLIMITED },
    STACK: { soft: 8 * MEBIBYTE, hard: UNLIMITED },
    NOFILE: { soft: 1024, hard: Math.min(facts.nrOpen, 524_288) },
    MEMLOCK: { soft: 8 * MEBIBYTE, hard: 8 * MEBIBYTE },
    MSGQUEUE: { soft: 819_200, hard: 819_200 },
    NICE: { soft: 0, hard: 0 },
    RTPRIO: { soft: 0, hard: 0 },
  };
  // These two the kernel computes from the memory it has.
  const computed =
    name === 'NPROC' || name === 'SIGPENDING' ? facts.initRlimits[`RLIMIT_${name}`] : undefined;
  return fixed[name] ?? computed ?? { soft: UNLIMITED, hard: UNLIMITED };
}

/**
 * All limits. Without CAP_SYS_RESOURCE no hard limit can be raised: a default is clamped then, a configured one is
 * an error.
 * @throws TSCT_HOST_LIMIT (exit 5)
 */
function buildRlimits({ definition, facts }: PlanInput): OciProcess['rlimits'] {
  const canRaise = facts.capabilities.includes('CAP_SYS_RESOURCE');
  return LIMIT_NAMES.map((name) => {
    const type = `RLIMIT_${name}`;
    const ceiling = canRaise ? UNLIMITED : (facts.rlimits[type]?.hard ?? UNLIMITED);
    const wanted = definition.exec[`limit${name}`];
    if (wanted && wanted.hard > ceiling) {
      throw hostLimit(
        definition,
        `Limit${name}`,
        `this host's hard limit is ${ceiling}`,
        `raising it takes CAP_SYS_RESOURCE; or set Limit${name}=${ceiling}`,
      );
    }
    const { soft, hard } = wanted ?? kernelDefault(name, facts);
    const clamp = (value: number) => Math.min(value, ceiling, RLIMIT_INFINITY);
    return { type, soft: clamp(soft), hard: clamp(hard) };
  });
}

/** @throws TSCT_HOST_LIMIT (exit 5): going below zero takes CAP_SYS_RESOURCE (proc(5)). */
function buildOomScore({ definition, facts }: PlanInput): { readonly oomScoreAdj?: number } {
  const oomScoreAdj = definition.exec.oomScoreAdjust;
  if (oomScoreAdj === undefined) return {};
  if (oomScoreAdj < 0 && !facts.capabilities.includes('CAP_SYS_RESOURCE')) {
    throw hostLimit(
      definition,
      'OOMScoreAdjust',
      'this host gives tsct no CAP_SYS_RESOURCE',
      'use 0 or more',
    );
  }
  return { oomScoreAdj };
}

function hostLimit(definition: ContainerDefinition, key: string, why: string, hint: string): TsctError {
  const place = definition.origins.get(`Exec.${key}`)?.[0];
  const message = `${place ? `${place.file}:${place.line}: ` : ''}cannot set ${key}=: ${why}`;
  return new TsctError('TSCT_HOST_LIMIT', message, { exitCode: ExitCode.HostLacks, hint });
}

/** process of the OCI document. An empty args[0] is the first of tsct.init.candidates that exists. */
export function buildProcess(input: PlanInput, hasCredentials: boolean): OciProcess {
  const { exec } = input.definition;
  const capabilities = buildCapabilities(exec);
  return {
    terminal: true,
    user: { uid: 0, gid: 0 },
    args: [exec.init ?? '', ...exec.parameters],
    env: buildEnvironment(input, hasCredentials),
    cwd: '/',
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      inheritable: capabilities,
    },
    rlimits: buildRlimits(input),
    noNewPrivileges: exec.noNewPrivileges,
    ...buildOomScore(input),
  };
}
