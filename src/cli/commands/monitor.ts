import { BaseCommand, optionalNamesArg } from '../base-command.js';

export default class Monitor extends BaseCommand {
  static override summary = 'tell what happens to containers, as it happens';
  static override description =
    'States, readiness, ends and memory limits that were reached, a line each, from now on and until it is interrupted; of all containers if none is named. With --json each line is an object.';
  static override args = { name: optionalNamesArg };
  static override examples = ['<%= config.bin %> monitor', '<%= config.bin %> monitor web --json'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Monitor);
    const ctx = await this.context(flags);
    const { monitor } = await import('../../lifecycle/monitor.js');
    const { renderMonitorEvent } = await import('../render/monitor.js');
    for await (const event of monitor(ctx, args.name ?? [])) {
      this.print(flags.json ? JSON.stringify(event) : renderMonitorEvent(event));
    }
  }
}
