import type { ContainerStats } from '../../lifecycle/stats.js';
import { table } from './table.js';
import { formatBytes } from './units.js';

/** One line a container. */
export function renderStats(all: readonly ContainerStats[]): string {
  return table(
    ['NAME', 'CPU TIME', 'MEMORY', 'LIMIT', 'TASKS', 'LIMIT', 'READ', 'WRITTEN', 'RECEIVED', 'SENT'],
    all.map(({ name, cpu, memory, tasks, io, network }) => [
      name,
      cpu.usage === null ? '-' : `${cpu.usage.toFixed(1)} s`,
      formatBytes(memory.usage),
      formatBytes(memory.limit),
      String(tasks.usage ?? '-'),
      String(tasks.limit ?? '-'),
      formatBytes(sum(io.usage.map((disk) => disk.readBytes))),
      formatBytes(sum(io.usage.map((disk) => disk.writtenBytes))),
      formatBytes(sum(network.map(({ counters }) => counters.receivedBytes))),
      formatBytes(sum(network.map(({ counters }) => counters.sentBytes))),
    ]),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
