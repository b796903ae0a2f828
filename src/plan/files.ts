import { ExitCode, TsctError } from '../base/errors.js';
import type { HostFacts } from '../host/facts.js';
import type { RunHostPlan } from './host-plan.js';
import { joinedResolvConf } from './joined-network.js';
import type { FileEdit } from './launch-plan.js';
import { planBind } from './mounts.js';
import { resolvConfText } from './network.js';
import type { PlanInput } from './plan-input.js';

type Binds = ReturnType<typeof planBind>[];
interface Integration {
  readonly files: readonly FileEdit[];
  readonly binds: Readonly<Binds>;
}

const NOTHING: Integration = { files: [], binds: [] };

/** A file of the host shown read-only: its owner is the host's root, who is nobody inside, and it is world-readable. */
function bindFile(source: string, destination: string): Integration {
  const bind = { source, destination, isInRoot: false, isOptional: false, isRecursive: false } as const;
  return { files: [], binds: [planBind({ ...bind, idmap: 'noidmap' }, ['ro', 'nosuid', 'noexec'])] };
}

export const RESOLV_CONF = '/etc/resolv.conf';
const RESOLV_CONF_SOURCES: Readonly<Record<keyof HostFacts['resolvConf'], string>> = {
  host: RESOLV_CONF,
  static: '/usr/lib/systemd/resolv.conf',
  uplink: '/run/systemd/resolve/resolv.conf',
  stub: '/run/systemd/resolve/stub-resolv.conf',
};

/** @throws TSCT_HOST_RESOLV_CONF (exit 5) if the host lacks the file that ResolvConf= names. */
function resolvConf(input: PlanInput): Integration {
  const { definition, facts } = input;
  const mode = definition.exec.resolvConf;
  if (mode === 'off') return NOTHING;
  if (mode === 'auto') {
    // The host's resolver is of no help to a container with a network of its own, and all there is to one in the host's.
    const content = joinedResolvConf(input) ?? resolvConfText(input);
    if (content === '' || definition.files.readOnly) return NOTHING;
    return { files: [{ op: 'write', path: RESOLV_CONF, content, mode: 0o644, when: 'plain' }], binds: [] };
  }
  if (mode === 'delete') return { files: [{ op: 'remove', path: RESOLV_CONF }], binds: [] };
  const [how, which] = mode.split('-') as ['copy' | 'replace' | 'bind', keyof HostFacts['resolvConf']];
  const content = facts.resolvConf[which];
  if (content === undefined) {
    throw new TsctError(
      'TSCT_HOST_RESOLV_CONF',
      `cannot set up ResolvConf=${mode}: this host has no ${RESOLV_CONF_SOURCES[which]}`,
      { exitCode: ExitCode.HostLacks, hint: 'use ResolvConf=copy-host or off' },
    );
  }
  if (how === 'bind') return bindFile(RESOLV_CONF_SOURCES[which], RESOLV_CONF);
  const write = { op: 'write', path: RESOLV_CONF, content, mode: 0o644 } as const;
  return { files: [how === 'copy' ? { ...write, when: 'plain' } : write], binds: [] };
}

const LOCALTIME = '/etc/localtime';

function timezone({ definition, facts }: PlanInput): Integration {
  const mode = definition.exec.timezone;
  if (mode === 'delete') return { files: [{ op: 'remove', path: LOCALTIME }], binds: [] };
  if (mode === 'bind') return bindFile(LOCALTIME, LOCALTIME);
  if (mode === 'off' || facts.timezone === undefined || (mode === 'auto' && definition.files.readOnly))
    return NOTHING;
  // Relative, so that the link also holds when the root is looked at from outside (CONTAINER_INTERFACE).
  const target = `../usr/share/zoneinfo/${facts.timezone}`;
  return { files: [{ op: 'symlink', path: LOCALTIME, target, when: 'target' }], binds: [] };
}

function hostname({ definition }: PlanInput): Integration {
  if (definition.exec.hostname === undefined) return NOTHING;
  const content = `${definition.exec.hostname}\n`;
  return { files: [{ op: 'write', path: '/etc/hostname', content, mode: 0o644 }], binds: [] };
}

function machineId({ definition }: PlanInput): Integration {
  if (definition.exec.machineId === undefined) return NOTHING;
  const content = `${definition.exec.machineId}\n`;
  return { files: [{ op: 'write', path: '/etc/machine-id', content, mode: 0o444 }], binds: [] };
}

/** How the host's settings reach the container: edits of its files, and binds over them. */
export function integrate(input: PlanInput): Integration {
  const parts = [hostname(input), machineId(input), timezone(input), resolvConf(input)];
  return { files: parts.flatMap((part) => part.files), binds: parts.flatMap((part) => part.binds) };
}

/** /run/host, as systemd's CONTAINER_INTERFACE describes it. */
export function buildRunHost(
  { definition, identity, facts, credentials }: PlanInput,
  more: RunHostPlan['files'],
): RunHostPlan {
  const set = definition.exec.setCredentials.map(
    ({ id, value }) => [id, Buffer.from(value).toString('base64')] as const,
  );
  const file = (content: string) => ({ content, mode: 0o444 });
  return {
    files: {
      'container-manager': file('tsct\n'),
      'container-uuid': file(`${identity.uuid}\n`),
      ...(facts.osRelease === '' ? {} : { 'os-release': file(facts.osRelease) }),
      ...more,
    },
    // A file wins over a default set in the config (systemd.exec(5)).
    credentials: { ...Object.fromEntries(set), ...credentials },
    notifySocket: definition.exec.notifyReady,
  };
}
