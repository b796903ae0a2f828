import type { ContainerStats } from '../../lifecycle/stats.js';

interface Sample {
  readonly value: number | null | undefined;
  readonly device?: string;
}

interface Metric {
  readonly name: `tsct_${string}_${'total' | 'bytes' | 'seconds' | 'ratio'}`;
  readonly help: string;
  readonly of: (stats: ContainerStats) => readonly Sample[];
}

const one = (value: number | null | undefined): readonly Sample[] => [{ value }];
const share = (part: number | null, of: number | null) =>
  one(part === null || of === null ? null : part / of);

const disk = (field: 'readBytes' | 'writtenBytes' | 'reads' | 'writes') => (stats: ContainerStats) =>
  stats.io.usage.map((usage) => ({ device: usage.device, value: usage[field] }));

const link = (field: keyof ContainerStats['network'][number]['counters']) => (stats: ContainerStats) =>
  stats.network.map(({ name, counters }) => ({ device: name, value: counters[field] }));

/** Named as node-exporter names what it tells of a machine. */
const METRICS: readonly Metric[] = [
  { name: 'tsct_uptime_seconds', help: 'Time since init was started.', of: ({ uptime }) => one(uptime) },
  { name: 'tsct_cpu_seconds_total', help: 'CPU time used.', of: ({ cpu }) => one(cpu.usage) },
  { name: 'tsct_cpu_user_seconds_total', help: 'CPU time in user mode.', of: ({ cpu }) => one(cpu.user) },
  {
    name: 'tsct_cpu_system_seconds_total',
    help: 'CPU time in the kernel.',
    of: ({ cpu }) => one(cpu.system),
  },
  {
    name: 'tsct_cpu_throttled_seconds_total',
    help: 'Time that CPUQuota= made it wait.',
    of: ({ cpu }) => one(cpu.throttled),
  },
  { name: 'tsct_cpu_limit_ratio', help: 'CPUQuota=: CPUs that it may use.', of: ({ cpu }) => one(cpu.limit) },
  {
    name: 'tsct_memory_usage_bytes',
    help: 'Memory, page cache included.',
    of: ({ memory }) => one(memory.usage),
  },
  { name: 'tsct_memory_limit_bytes', help: 'MemoryMax=.', of: ({ memory }) => one(memory.limit) },
  { name: 'tsct_memory_anon_bytes', help: 'Memory of programs.', of: ({ memory }) => one(memory.anon) },
  { name: 'tsct_memory_file_bytes', help: 'Page cache and tmpfs.', of: ({ memory }) => one(memory.file) },
  { name: 'tsct_memory_swap_bytes', help: 'Swap.', of: ({ memory }) => one(memory.swap) },
  {
    name: 'tsct_memory_swap_limit_bytes',
    help: 'MemorySwapMax=.',
    of: ({ memory }) => one(memory.swapLimit),
  },
  { name: 'tsct_memory_min_bytes', help: 'MemoryMin=.', of: ({ memory }) => one(memory.min) },
  { name: 'tsct_memory_low_bytes', help: 'MemoryLow=.', of: ({ memory }) => one(memory.low) },
  {
    name: 'tsct_oom_kills_total',
    help: 'Processes that the kernel killed at the memory limit.',
    of: ({ memory }) => one(memory.oomKills),
  },
  {
    name: 'tsct_tasks_ratio',
    help: 'Tasks, as part of TasksMax=.',
    of: ({ tasks }) => share(tasks.usage, tasks.limit),
  },
  { name: 'tsct_disk_read_bytes_total', help: 'Bytes read from disks.', of: disk('readBytes') },
  { name: 'tsct_disk_written_bytes_total', help: 'Bytes written to disks.', of: disk('writtenBytes') },
  { name: 'tsct_disk_reads_completed_total', help: 'Read operations.', of: disk('reads') },
  { name: 'tsct_disk_writes_completed_total', help: 'Write operations.', of: disk('writes') },
  {
    name: 'tsct_network_receive_bytes_total',
    help: 'Bytes that an interface received.',
    of: link('receivedBytes'),
  },
  {
    name: 'tsct_network_receive_packets_total',
    help: 'Packets that an interface received.',
    of: link('receivedPackets'),
  },
  {
    name: 'tsct_network_receive_drop_total',
    help: 'Packets for an interface that were dropped.',
    of: link('receivedDropped'),
  },
  { name: 'tsct_network_transmit_bytes_total', help: 'Bytes that an interface sent.', of: link('sentBytes') },
  {
    name: 'tsct_network_transmit_packets_total',
    help: 'Packets that an interface sent.',
    of: link('sentPackets'),
  },
  {
    name: 'tsct_network_transmit_drop_total',
    help: 'Packets from an interface that were dropped.',
    of: link('sentDropped'),
  },
  {
    name: 'tsct_pressure_cpu_waiting_seconds_total',
    help: 'Time that a task waited for a CPU.',
    of: ({ pressure }) => one(pressure.cpu?.some.total),
  },
  {
    name: 'tsct_pressure_io_waiting_seconds_total',
    help: 'Time that a task waited for I/O.',
    of: ({ pressure }) => one(pressure.io?.some.total),
  },
  {
    name: 'tsct_pressure_io_stalled_seconds_total',
    help: 'Time that all tasks waited for I/O.',
    of: ({ pressure }) => one(pressure.io?.full?.total),
  },
  {
    name: 'tsct_pressure_memory_waiting_seconds_total',
    help: 'Time that a task waited for memory.',
    of: ({ pressure }) => one(pressure.memory?.some.total),
  },
  {
    name: 'tsct_pressure_memory_stalled_seconds_total',
    help: 'Time that all tasks waited for memory.',
    of: ({ pressure }) => one(pressure.memory?.full?.total),
  },
];

/**
 * Prometheus' text form (exposition_formats.md, version 0.0.4). What is not accounted on this host has no line; what no
 * container has, no HELP either.
 */
export function renderMetrics(all: readonly ContainerStats[]): string {
  return METRICS.map(({ name, help, of }) => {
    const samples = all.flatMap((stats) => of(stats).map((sample) => ({ container: stats.name, ...sample })));
    const lines = samples
      .filter(({ value }) => value !== null && value !== undefined)
      .map(({ container, device, value }) => `${name}{${labels(container, device)}} ${value}\n`);
    const type = name.endsWith('_total') ? 'counter' : 'gauge';
    return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
  }).join('');
}

/** Names of containers and devices have no quote and no backslash in them. */
function labels(container: string, device: string | undefined): string {
  return `name="${container}"${device === undefined ? '' : `,device="${device}"`}`;
}
