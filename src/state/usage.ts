import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../base/errors.js';

/** What a container uses now; a number that the host does not account is absent. */
export interface Usage {
  readonly memoryBytes?: number;
  readonly cpuMs?: number;
  readonly tasks?: number;
}

/**
 * Reads the accounts of a running container from cgroup v2, or from the v1 hierarchies of a hybrid host
 * (cgroups(7); kernel Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/{memory,cpuacct,pids}.rst).
 * @param unifiedCgroup its payload in the v2 tree, absolute.
 * @param pid of its PID 1 on the host: /proc/PID/cgroup names the v1 groups.
 */
export async function readUsage(unifiedCgroup: string, pid: number): Promise<Usage> {
  const v1 = await v1Groups(pid);
  const v1File = (controller: string, file: string) => {
    const path = v1.get(controller);
    return path === undefined ? undefined : readText(join('/sys/fs/cgroup', controller, path, file));
  };
  const [memory, cpuStat, tasks, memoryV1, cpuV1, tasksV1] = await Promise.all([
    readText(join(unifiedCgroup, 'memory.current')),
    readText(join(unifiedCgroup, 'cpu.stat')),
    readText(join(unifiedCgroup, 'pids.current')),
    v1File('memory', 'memory.usage_in_bytes'),
    v1File('cpuacct', 'cpuacct.usage'),
    v1File('pids', 'pids.current'),
  ]);
  // The v2 root of a hybrid host has a cpu.stat as well (base statistics need no controller).
  const cpuUsec = /^usage_usec (\d+)/m.exec(cpuStat ?? '')?.[1];
  return {
    ...field('memoryBytes', toNumber(memory ?? memoryV1)),
    ...field('cpuMs', cpuUsec === undefined ? divide(toNumber(cpuV1), 1e6) : divide(Number(cpuUsec), 1000)),
    ...field('tasks', toNumber(tasks ?? tasksV1)),
  };
}

/** Controller → path of its v1 group, from /proc/PID/cgroup. */
async function v1Groups(pid: number): Promise<Map<string, string>> {
  const groups = new Map<string, string>();
  for (const line of ((await readText(`/proc/${pid}/cgroup`)) ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]+):(.*)$/.exec(line) ?? [];
    for (const controller of controllers?.split(',') ?? []) groups.set(controller, path ?? '/');
  }
  return groups;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ESRCH', 'ENOTDIR', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}

function toNumber(text: string | undefined): number | undefined {
  return text === undefined || text.trim() === '' ? undefined : Number(text);
}

function divide(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : Math.round(value / by);
}

function field<K extends string>(key: K, value: number | undefined): { readonly [P in K]?: number } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: number };
}
