import { boolean } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../base-command.js';

export default class Console extends BaseCommand {
  static override summary = 'the console of a container: its login prompt';
  static override description = 'Ctrl-] three times detaches; the container runs on.';
  static override args = { name: nameArg };
  static override flags = { log: boolean({ summary: 'first print what it said before' }) };
  static override examples = ['<%= config.bin %> console web', '<%= config.bin %> console web --log'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Console);
    const ctx = await this.context(flags);
    const { openConsole } = await import('../../lifecycle/exec.js');
    await openConsole(ctx, args.name, { log: flags.log });
  }
}
