import { join } from 'node:path';
import { RUN_ROOT } from '../base/paths.js';
import { planBoundUsers } from './bound-users.js';
import { buildDevices, planDevices } from './devices.js';
import { buildRunHost, integrate } from './files.js';
import { joinedNamespace, namespacesOf } from './joined-network.js';
import { planJournal } from './journal.js';
import { type CgroupPlan, type LaunchPlan, OCI_VERSION, PLAN_FORMAT } from './launch-plan.js';
import { buildLimits } from './limits.js';
import { buildMounts, planVolume } from './mounts.js';
import { buildNetwork } from './network.js';
import type { OciLinux } from './oci.js';
import { buildOom } from './oom.js';
import type { PlanInput } from './plan-input.js';
import { buildProcess } from './process.js';
import { planRootfs, volatileState } from './rootfs.js';
import { buildSeccomp } from './seccomp.js';
import { buildSliceLimits, slicePath } from './slices.js';
import { planView } from './view.js';

/** Each of the console log's two files. */
const CONSOLE_LOG_BYTES_MAX = 256 * 1024;

/** /sbin/init first, as the kernel does: it is what the image chose where several inits are installed. */
const INIT_CANDIDATES = [
  '/sbin/init',
  '/usr/lib/systemd/systemd',
  '/lib/systemd/systemd',
  '/etc/init',
  '/bin/init',
];

/** Contents or switches of the host's kernel (the set that systemd-nspawn hides). */
const MASKED_PATHS = ['kallsyms', 'kcore', 'keys', 'sysrq-trigger', 'timer_list'].map(
  (name) => `/proc/${name}`,
);
/** /proc/sys too; tsct.proc.writableSys stays writable below it. */
const READONLY_PATHS = ['acpi', 'apm', 'asound', 'bus', 'fs', 'irq', 'scsi', 'sys'].map(
  (name) => `/proc/${name}`,
);

/**
 * Definition + identity + host facts → the whole of what native does. Pure: no I/O, no clock, no chance.
 * @throws TSCT_HOST_* (exit 5) for what this host cannot give, with the config's file and line where it has one.
 */
export function buildPlan(input: PlanInput): LaunchPlan {
  const { name, layout, definition, identity, root } = input;
  const { exec, files, start } = definition;
  const key = layout.key(name);
  const boundUsers = planBoundUsers(input);
  const runHost = buildRunHost(input, boundUsers.files);
  const integration = integrate(input);
  const journal = planJournal(input);
  const { mounts, extras } = buildMounts(files, [
    ...volatileState(input),
    ...files.volumes.map((volume) => planVolume(volume, layout.volumeTree(volume.name))),
    ...integration.binds,
    ...journal.binds,
    ...boundUsers.binds,
  ]);
  const rootfs = planRootfs(root, definition, input.writesTo ?? 'config', layout.runLayer(name));
  const network = buildNetwork(input);
  const devices = planDevices(definition.resources);
  const oom = buildOom(definition, input.facts);
  const process = buildProcess(input, Object.keys(runHost.credentials).length > 0);
  return {
    ociVersion: OCI_VERSION,
    process,
    root: { path: 'rootfs', readonly: rootfs.readonly },
    hostname: exec.hostname ?? name,
    mounts,
    linux: buildLinux(input, key, process.capabilities.bounding),
    tsct: {
      format: PLAN_FORMAT,
      name,
      key,
      uuid: identity.uuid,
      containerDir: layout.containerDir(name),
      runDir: layout.runDir(name),
      rootfs,
      cgroup: buildCgroup(input, key),
      sys: { skeleton: ['block', 'bus', 'class', 'dev', 'devices', 'kernel'] },
      proc: { bootId: true, writableSys: joinedNamespace(input) ? [] : ['net'] },
      runHost,
      mounts: extras,
      files: integration.files,
      console: { logBytesMax: CONSOLE_LOG_BYTES_MAX },
      init: {
        candidates: INIT_CANDIDATES,
        ...(exec.killSignal === undefined ? {} : { haltSignal: exec.killSignal }),
        ...(exec.rebootSignal === undefined ? {} : { rebootSignal: exec.rebootSignal }),
        ...(exec.cpuAffinity.length === 0
          ? {}
          : { cpuAffinity: [...new Set(exec.cpuAffinity)].sort((a, b) => a - b) }),
      },
      readiness: { notify: exec.notifyReady },
      restart: {
        policy: start.restart,
        delayMs: start.restartDelayMs,
        limitBurst: start.startLimitBurst,
        limitIntervalMs: start.startLimitIntervalMs,
      },
      ...(oom ? { oom } : {}),
      idRangeLocks: [
        join(RUN_ROOT, '.ids', String(identity.idBase)),
        join('/run/systemd/nspawn-uid', String(identity.idBase)),
      ],
      seccompCacheDir: join(RUN_ROOT, '.seccomp'),
      ...(network ? { network } : {}),
      ...(devices ? { devices } : {}),
      ...(journal.plan ? { journal: journal.plan } : {}),
      ...planView(input),
      ...(boundUsers.users.length > 0 ? { boundUsers: boundUsers.users } : {}),
    },
  };
}

function buildLinux(input: PlanInput, key: string, capabilities: readonly string[]): OciLinux {
  const { definition, identity, facts } = input;
  const mapping = [{ containerID: 0, hostID: identity.idBase, size: identity.idCount }];
  const devices = buildDevices(facts.devices, definition.resources);
  const { personality } = definition.exec;
  return {
    namespaces: namespacesOf(joinedNamespace(input)),
    uidMappings: mapping,
    gidMappings: mapping,
    devices: devices.nodes,
    cgroupsPath:
      facts.cgroup.driver === 'systemd'
        ? `${definition.resources.slice ?? 'tsct.slice'}:tsct:${key}`
        : `${slicePath(definition.resources.slice)}/${key}`,
    resources: { devices: devices.rules },
    seccomp: buildSeccomp(facts.architecture, capabilities, definition.exec),
    maskedPaths: [...MASKED_PATHS, ...definition.files.inaccessiblePaths],
    readonlyPaths: READONLY_PATHS,
    rootfsPropagation: 'shared',
    ...(personality === undefined
      ? {}
      : { personality: { domain: personality === 'x86' || personality === 'arm' ? 'LINUX32' : 'LINUX' } }),
  };
}

function buildCgroup({ definition, facts, slices = [] }: PlanInput, key: string): CgroupPlan {
  const { driver, unifiedMount, v1 } = facts.cgroup;
  const { slice } = definition.resources;
  const limits = buildLimits(definition, facts);
  const sliceLimits = buildSliceLimits(slices, facts);
  return {
    driver,
    unifiedMount,
    v1,
    path: `${slicePath(slice)}/${key}`,
    ...(limits.length > 0 ? { limits } : {}),
    ...(driver === 'systemd' && slice !== undefined ? { slice } : {}),
    ...(sliceLimits.length > 0 ? { sliceLimits } : {}),
  };
}
