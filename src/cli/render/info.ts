import type { ContainerInfo } from '../../lifecycle/info.js';
import { formatBytes, formatDuration } from './units.js';

/** One line a fact, names first. */
export function renderInfo(about: ContainerInfo, paintState: (state: string) => string): string {
  const { idmap, root, lastExit } = about;
  const rows: [string, string | null][] = [
    ['Name', about.name],
    ['State', paintState(about.state)],
    ['Ready', about.state === 'stopped' ? null : about.ready ? `yes, by ${about.readyBy}` : 'not yet'],
    ['Status', about.statusText],
    ['Init', about.pid === null ? null : `pid ${about.pid} on the host (${about.init})`],
    ['Supervisor', about.supervisorPid === null ? null : `pid ${about.supervisorPid}`],
    ['Uptime', about.uptime === null ? null : formatDuration(about.uptime)],
    ['Boots', about.boots === null || about.boots < 2 ? null : `${about.boots} since tsct start`],
    ['Memory', renderMemory(about.memory)],
    ['Out of memory', renderOom(about.oom)],
    ['CPU time', renderCpu(about.cpu)],
    ['Tasks', ofLimit(about.tasks, String)],
    ['Not limited', renderLost(about)],
    ['Slice', about.slice],
    ['Addresses', about.addresses.join(' ') || null],
    ['Ids', `0-${idmap.count - 1} inside are ${idmap.base}-${idmap.base + idmap.count - 1} on the host`],
    ['UUID', about.uuid],
    [
      'Root',
      `${root.path} (${root.driver}${root.layers.length > 0 ? ` over ${root.layers.join(', ')}` : ''})`,
    ],
    ['Storage', renderStorage(about.storage)],
    ['Ephemeral', about.ephemeral ? 'yes: what is written to the root is gone when it ends' : null],
    ['Created', about.created],
    [
      'Last exit',
      lastExit &&
        `${lastExit.cause}${lastExit.code === 0 ? '' : ` ${lastExit.code}`} at ${new Date(lastExit.atMs).toISOString()}`,
    ],
    ['Pending', about.pending.length > 0 ? `${about.pending.join(' ')} (from the next start)` : null],
  ];
  const width = Math.max(...rows.map(([title]) => title.length));
  return rows
    .filter(([, value]) => value !== null)
    .map(([title, value]) => `${`${title}:`.padEnd(width + 1)} ${value}\n`)
    .join('');
}

/** With what of it others do not get. */
function renderMemory(memory: ContainerInfo['memory']): string | null {
  const used = ofLimit(memory, formatBytes);
  const kept = memory?.min ? `, ${formatBytes(memory.min)} kept` : '';
  const low = memory?.low ? `, ${formatBytes(memory.low)} if it can be` : '';
  return used && used + kept + low;
}

function renderOom(oom: ContainerInfo['oom']): string | null {
  if (!oom || oom.count === 0) return null;
  const times = oom.count === 1 ? 'once' : `${oom.count} times`;
  return oom.held ? 'held at its limit until Resources.MemoryMax is raised' : times;
}

function renderLost({ name, lostControllers }: ContainerInfo): string | null {
  if (lostControllers.length === 0) return null;
  return `${lostControllers.join(' ')}: somebody moved it out of its control groups; tsct restart ${name} mends it`;
}

function renderStorage(storage: ContainerInfo['storage']): string | null {
  const { usedBytes, exclusiveBytes, limitBytes, sharedWith } = storage;
  const parts = [
    usedBytes === null ? null : `${formatBytes(usedBytes)} used`,
    exclusiveBytes === null ? null : `${formatBytes(exclusiveBytes)} of them its own`,
    limitBytes === null ? null : `${formatBytes(limitBytes)} at most`,
    sharedWith.length === 0 ? null : `shared with ${sharedWith.join(' ')}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(', ');
}

function ofLimit(
  account: { readonly usage: number | null; readonly limit: number | null } | null,
  format: (value: number) => string,
): string | null {
  if (account === null || account.usage === null) return null;
  return `${format(account.usage)}${account.limit === null ? '' : ` of ${format(account.limit)}`}`;
}

function renderCpu(cpu: ContainerInfo['cpu']): string | null {
  if (cpu === null || cpu.usage === null) return null;
  return `${cpu.usage.toFixed(1)} s${cpu.limit === null ? '' : `, ${Math.round(cpu.limit * 100)}% of a CPU at most`}`;
}
