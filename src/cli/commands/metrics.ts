import { resolve } from 'node:path';
import { string } from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';

export default class Metrics extends BaseCommand {
  static override summary = 'what running containers have used, for Prometheus';
  static override description =
    "Prints what `tsct stats --json` tells in Prometheus' text form. For node_exporter's textfile collector, from cron or a timer: --output FILE, which is replaced as a whole.";
  static override flags = {
    output: string({ char: 'o', summary: 'write to this file', helpValue: 'FILE' }),
  };
  static override examples = [
    '<%= config.bin %> metrics',
    '<%= config.bin %> metrics --output /var/lib/prometheus/node-exporter/tsct.prom',
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(Metrics);
    const ctx = await this.context(flags);
    const { stats } = await import('../../lifecycle/stats.js');
    const all = await stats(ctx, []);
    if (flags.json) return this.printJson(all);
    const { renderMetrics } = await import('../render/metrics.js');
    const text = renderMetrics(all);
    if (flags.output === undefined) return this.print(text);
    const { writeFileAtomic } = await import('../../base/atomic-file.js');
    await writeFileAtomic(resolve(flags.output), text, 0o644);
  }
}
