import type { CheckReport } from '../../lifecycle/check.js';

/**
 * A report as text: one line each, and below what is not ok the command that mends it.
 * @param paint colours a status.
 */
export function renderCheck(report: CheckReport, paint: (status: string) => string): string {
  const width = Math.max(0, ...report.checks.map(({ name }) => name.length));
  let area = '';
  let text = '';
  for (const line of report.checks) {
    if (line.area !== area) {
      area = line.area;
      text += `${area}\n`;
    }
    const status = paint(line.status) + ' '.repeat('missing'.length - line.status.length);
    text += `  ${status}  ${line.name.padEnd(width)}  ${line.found}\n`;
    if (line.fix) text += `  ${' '.repeat('missing'.length)}  fix: ${line.fix}\n`;
  }
  const verdict = report.ok ? 'Containers can run here.' : 'Containers cannot run here: see "missing" above.';
  return `${text}${text && '\n'}${verdict}\n`;
}
