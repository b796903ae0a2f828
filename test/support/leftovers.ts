import { spawnSync } from 'node:child_process';
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_ROOT } from '../../src/base/paths.js';

/** What a state root has on this machine right now; other roots' things are left out: they share the machine. */
export type Traces = ReadonlySet<string>;

/**
 * Everything outside and inside the state root that belongs to it: mounts, cgroups, links, processes, run
 * directories, names in the root. Two of these, before and after a test, must be equal.
 * @param hash the 8 hex digits that keys of this root end with (StateLayout.key).
 */
export function tracesOf(root: string, hash: string): Traces {
  return new Set([
    ...mounts(root, hash),
    ...cgroups(hash),
    ...links(hash),
    ...tables(hash),
    ...processes(root, hash),
    ...names(RUN_ROOT)
      .filter((entry) => entry.name.endsWith(`_${hash}`))
      .map((entry) => `run directory ${join(RUN_ROOT, entry.name)}`),
    ...files(root),
  ]);
}

/** What came, other than `before`. */
export function leftOver(before: Traces, after: Traces): string[] {
  return [...after].filter((trace) => !before.has(trace)).sort();
}

/** mountinfo(5): 4 root, 5 mount point, then after the dash type, source and options. */
function* mounts(root: string, hash: string): Generator<string> {
  for (const line of lines('/proc/self/mountinfo')) {
    const point = line.split(' ')[4] ?? '';
    if (point !== root && (line.includes(`${root}/`) || line.includes(`_${hash}`))) {
      yield `mount ${point} (${line.split(' - ')[1]?.slice(0, 120)})`;
    }
  }
}

/** `/tsct/KEY` below every hierarchy, `/tsct.slice/tsct-KEY.service` where systemd runs the host. */
function* cgroups(hash: string): Generator<string> {
  const hierarchies = lines('/proc/self/mountinfo')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '');
  for (const hierarchy of hierarchies) {
    for (const top of names(hierarchy).filter((entry) => entry.name.startsWith('tsct'))) {
      yield* groupsIn(join(hierarchy, top.name), hash);
    }
  }
}

function* groupsIn(dir: string, hash: string): Generator<string> {
  for (const entry of names(dir)) {
    if (entry.name.includes(hash)) yield `cgroup ${join(dir, entry.name)}`;
    if (entry.name.endsWith('.slice')) yield* groupsIn(join(dir, entry.name), hash);
  }
}

function* links(hash: string): Generator<string> {
  for (const { name } of names('/sys/class/net')) {
    if (name.includes(hash) || text(`/sys/class/net/${name}/ifalias`).includes(hash)) yield `link ${name}`;
  }
  for (const { name } of names(join(RUN_ROOT, '.net'))) {
    if (name.includes(hash)) yield `network ${join(RUN_ROOT, '.net', name)}`;
  }
}

function* tables(hash: string): Generator<string> {
  const listed = spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout ?? '';
  for (const table of listed.split('\n')) if (table.includes(hash)) yield table;
}

/** In a cgroup of this root, or a program of tsct's that was told of it. Zombies are their parent's to reap. */
function* processes(root: string, hash: string): Generator<string> {
  for (const { name: pid } of names('/proc').filter((entry) => /^\d+$/.test(entry.name))) {
    if (Number(pid) === process.pid) continue;
    const [, comm = '', state = ''] = /^\d+ \((.*)\) (\S)/s.exec(text(`/proc/${pid}/stat`)) ?? [];
    if (state === 'Z' || state === '') continue;
    const group = text(`/proc/${pid}/cgroup`);
    const inCgroup = group.includes(`_${hash}`) || group.includes(`-${hash}`);
    const told = comm.startsWith('tsct-') && knows(pid, root, hash);
    if (inCgroup || told) yield `process ${pid} ${comm}`;
  }
}

function knows(pid: string, root: string, hash: string): boolean {
  const said = text(`/proc/${pid}/cmdline`) + text(`/proc/${pid}/environ`);
  return said.includes(root) || said.includes(`_${hash}`);
}

/** Names in the root: containers, locks, what a half-done job left in the store. Whole layers are a cache. */
function* files(root: string): Generator<string> {
  for (const { name } of names(root)) {
    if (!['.store', '.locks', '.backup', '.networks'].includes(name)) yield `file ${join(root, name)}`;
  }
  for (const { name } of names(join(root, '.store/runs'))) yield `file ${join(root, '.store/runs', name)}`;
  for (const directory of ['.locks', '.store', '.store/layers', '.store/images', '.store/volumes']) {
    for (const { name } of names(join(root, directory))) {
      const lock = directory === '.locks';
      if (lock || /partial|tmp|\.new$/.test(name)) yield `file ${join(root, directory, name)}`;
    }
  }
}

function names(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return []; // gone meanwhile, or never there
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function lines(file: string): string[] {
  return text(file).split('\n');
}
