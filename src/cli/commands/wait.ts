import { integer, string } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../base-command.js';

const CONDITIONS = ['stopped', 'running', 'ready', 'frozen', 'address'] as const;

export default class Wait extends BaseCommand {
  static override summary = 'wait until a container is in some state';
  static override description = 'Exit code 1 and code TSCT_TIMEOUT when it does not get there in time.';
  static override args = { name: nameArg };
  static override flags = {
    for: string({ summary: 'what to wait for', options: CONDITIONS, default: 'stopped' }),
    timeout: integer({ summary: 'give up after', helpValue: 'SECONDS', min: 0 }),
  };
  static override examples = [
    '<%= config.bin %> wait web --for ready --timeout 30',
    '<%= config.bin %> wait web --for address',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Wait);
    const ctx = await this.context(flags);
    const { waitFor } = await import('../../lifecycle/watch.js');
    ctx.store.need(args.name);
    const condition = CONDITIONS.find((known) => known === flags.for) ?? 'stopped';
    const timeout = flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1000 };
    const moment = await waitFor(ctx, args.name, condition, timeout);
    if (flags.json) this.printJson({ name: args.name, ...moment });
  }
}
