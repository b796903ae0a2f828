import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const LIMITS =
  /^(cpu|cpuset|memory|pids|io|blkio|hugetlb)\..*(max|high|low|min|weight\w*|idle|shares|cpus|mems|limit_in_bytes|cfs_\w+|_device)$/;

/**
 * The files of a process's control groups that set a limit and what they say: those of its v2 group and of the one above
 * (payload, and what stands beside other containers), and those of v1.
 */
export function groupFiles(pid: number): Record<string, string> {
  return Object.fromEntries(
    groupsOf(pid).flatMap((group) =>
      readdirSync(group)
        .filter((file) => LIMITS.test(file) && !/effective|max_usage|memsw|kmem|rsvd/.test(file))
        .map((file) => [join(group, file), contentOf(group, file)]),
    ),
  );
}

/** A cpuset of v2 that says what the group above has is the same as one that says nothing. */
function contentOf(group: string, file: string): string {
  const text = read(join(group, file));
  const above = join(dirname(group), `${file}.effective`);
  return file.startsWith('cpuset.') && existsSync(above) && text === read(above) ? '' : text;
}

/** The guest may have put its init deeper than `payload`. */
function groupsOf(pid: number): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      const words = controllers.split(',');
      const mount = mounts.find((one) => {
        const [, type, options = ''] = / - (cgroup2?) \S+ (.*)$/.exec(one) ?? [];
        return controllers === ''
          ? type === 'cgroup2'
          : type === 'cgroup' && words.every((word) => options.split(',').includes(word));
      });
      const point = mount?.split(' ')[4];
      if (point === undefined || path === '') return [];
      if (controllers !== '') return [join(point, path)];
      const payload = path.replace(/(\/payload)\/.*/, '$1');
      return [join(point, payload), dirname(join(point, payload))];
    });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return ''; // one that can only be written to
  }
}
