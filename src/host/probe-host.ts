import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { hostname, machine, release, totalmem } from 'node:os';
import { isErrno } from '../base/errors.js';
import { readCgroupLayout } from './cgroup-layout.js';
import type { DeviceNumber, HostFacts, ResolvConfFacts } from './facts.js';
import { readMountTable } from './mount-table.js';
import { readOptional } from './optional-file.js';
import { parseCapabilities, parseLimits } from './process-facts.js';
import { findProgram } from './tool-checks.js';

/**
 * Reads the facts that a plan needs. Synchronous on purpose: some twenty small reads, a few milliseconds,
 * nothing is started.
 * @throws TSCT_NO_CGROUP2 (exit 5)
 */
export function probeHost(): HostFacts {
  const systemdIsInit = isSystemdInit();
  const timezone = readTimezone();
  const journals = readJournals();
  const lxcfs = findProgram('lxcfs', '/usr/local/bin:/usr/bin');
  return {
    architecture: machine(),
    kernelRelease: release(),
    hostname: hostname(),
    machineId: readOptional('/etc/machine-id')?.trim() ?? '',
    systemdIsInit,
    cgroup: readCgroupLayout(readMountTable(), systemdIsInit),
    osRelease: readOptional('/etc/os-release') ?? readOptional('/usr/lib/os-release') ?? '',
    resolvConf: readResolvConf(),
    ...(timezone === undefined ? {} : { timezone }),
    ...(journals === undefined ? {} : { journals }),
    ...(lxcfs === undefined ? {} : { lxcfs }),
    devices: readDevices(),
    ...readOwnPrivileges(),
    initRlimits: parseLimits(readOptional('/proc/1/limits') ?? ''),
    nrOpen: Number(readOptional('/proc/sys/fs/nr_open') ?? 1048576),
    lsms: readSecurityModules(),
    cpus: readNumbers('/sys/devices/system/cpu/online'),
    memoryNodes: readNumbers('/sys/devices/system/node/online'),
    memoryBytes: totalmem(),
    tasksMax: Math.min(readNumber('/proc/sys/kernel/pid_max'), readNumber('/proc/sys/kernel/threads-max')),
  };
}

/** Infinity where the host does not say. */
function readNumber(path: string): number {
  return Number(readOptional(path) ?? Number.POSITIVE_INFINITY);
}

/**
 * `0-2,5`: a bitmap as the kernel prints it, bitmap(9). Only what is first where the kernel was built without: one CPU,
 * one node of memory. What this process is bound to does not count.
 */
function readNumbers(path: string): readonly number[] {
  return (readOptional(path)?.trim() || '0').split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** sd_booted(3): the directory that systemd makes as PID 1. */
export function isSystemdInit(): boolean {
  return statSync('/run/systemd/system', { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export function readOwnPrivileges(): Pick<HostFacts, 'capabilities' | 'rlimits'> {
  return {
    capabilities: parseCapabilities(readOptional('/proc/self/status') ?? '', 'CapEff'),
    rlimits: parseLimits(readOptional('/proc/self/limits') ?? ''),
  };
}

export function readSecurityModules(): readonly string[] {
  return (readOptional('/sys/kernel/security/lsm') ?? '').trim().split(',').filter(Boolean);
}

function readResolvConf(): ResolvConfFacts {
  const places = {
    host: '/etc/resolv.conf',
    static: '/usr/lib/systemd/resolv.conf',
    uplink: '/run/systemd/resolve/resolv.conf',
    stub: '/run/systemd/resolve/stub-resolv.conf',
  };
  const facts: Record<string, string> = {};
  for (const [name, path] of Object.entries(places)) {
    const text = readOptional(path);
    if (text !== undefined) facts[name] = text;
  }
  return facts;
}

function readTimezone(): string | undefined {
  try {
    return /\/zoneinfo\/(.+)$/.exec(readlinkSync('/etc/localtime'))?.[1];
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL', 'EACCES')) return undefined;
    throw error;
  }
}

function readJournals(): readonly string[] | undefined {
  try {
    return readdirSync('/var/log/journal');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw error;
  }
}

function readDevices(): HostFacts['devices'] {
  const fuse = openableDevice('/dev/fuse');
  const tun = openableDevice('/dev/net/tun');
  return { ...(fuse ? { fuse } : {}), ...(tun ? { tun } : {}) };
}

/** Device number of a character device that really opens for reading and writing: a node alone proves nothing. */
function openableDevice(path: string): DeviceNumber | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    return stat.isCharacterDevice() ? deviceNumber(stat.rdev) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** makedev(3): glibc's 64-bit layout of st_rdev. */
function deviceNumber(rdev: bigint): DeviceNumber {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  };
}
