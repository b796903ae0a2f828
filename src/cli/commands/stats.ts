import { BaseCommand, optionalNamesArg } from '../base-command.js';

export default class Stats extends BaseCommand {
  static override summary = 'what running containers have used since their start';
  static override description =
    'CPU time, memory, tasks, disks and interfaces of the containers that run, with their limits; pressure too with --json.';
  static override args = { name: optionalNamesArg };
  static override examples = ['<%= config.bin %> stats', '<%= config.bin %> stats web --json'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Stats);
    const ctx = await this.context(flags);
    const { stats } = await import('../../lifecycle/stats.js');
    const all = await stats(ctx, args.name ?? []);
    if (flags.json) return this.printJson(all);
    const { renderStats } = await import('../render/stats.js');
    this.print(renderStats(all));
  }
}
