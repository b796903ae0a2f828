import { inOrder, type TopOrder, type TopSample } from '../../lifecycle/top.js';
import { table } from './table.js';
import { formatBytes } from './units.js';

/** One look, for a file or a pipe. */
export function renderTop(sample: TopSample, order: TopOrder): string {
  const rows = inOrder(sample.containers, order).map((row) => [
    row.name,
    row.state,
    row.cpu === null ? '-' : (row.cpu * 100).toFixed(1),
    formatBytes(row.memory),
    formatBytes(row.memoryLimit),
    String(row.tasks ?? '-'),
    ...[row.read, row.written, row.received, row.sent].map(formatBytes),
  ]);
  const titles = [
    'NAME',
    'STATE',
    'CPU%',
    'MEMORY',
    'LIMIT',
    'TASKS',
    'READ/s',
    'WRITE/s',
    'RECV/s',
    'SENT/s',
  ];
  return `${sample.at}\n${table(titles, rows)}`;
}
