import type { CapacityLine, CapacityReport } from '../../lifecycle/capacity.js';
import { table } from './table.js';
import { formatBytes } from './units.js';

const UNITS: Readonly<Record<string, (value: number) => string>> = {
  MemoryMin: formatBytes,
  MemoryLow: formatBytes,
  MemoryMax: formatBytes,
  CPUQuota: (cpus) => `${Math.round(cpus * 100)}%`,
};

/** What all containers may have beside what there is. */
export function renderCapacity({ containers, lines }: CapacityReport): string {
  const rows = lines.map((line) => {
    const format = UNITS[line.key] ?? ((value: number) => String(Math.round(value)));
    return [
      line.key,
      format(line.sum),
      format(line.host),
      `${Math.round((line.sum / line.host) * 100)}%`,
      String(line.unlimited.length),
    ];
  });
  const over = lines.filter(({ isOvercommitted }) => isOvercommitted).map(verdict);
  const end =
    over.length > 0 ? over : [`The host has what its ${containers} containers are promised and limited to.`];
  return `${table(['KEY', 'ALL CONTAINERS', 'HOST', 'SHARE', 'UNLIMITED'], rows)}\n${end.join('\n')}\n`;
}

function verdict({ key }: CapacityLine): string {
  if (key === 'MemoryMin' || key === 'MemoryLow')
    return `Over-committed: more is promised than there is by ${key}=: none of them can rely on it. Lower some: tsct config set NAME Resources.${key}=...`;
  return `Over-committed: all together may have more than there is by ${key}=. Lower some: tsct config set NAME Resources.${key}=...`;
}
