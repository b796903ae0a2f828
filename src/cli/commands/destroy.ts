import { boolean } from '@oclif/core/flags';
import { BaseCommand, namesArg } from '../base-command.js';

export default class Destroy extends BaseCommand {
  static override summary = 'throw containers away, with everything in them';
  static override description =
    'A running container is left alone unless --force is given, which kills it first.';
  static override args = { name: namesArg };
  static override flags = { force: boolean({ char: 'f', summary: 'kill it first if it runs' }) };
  static override examples = ['<%= config.bin %> destroy web', '<%= config.bin %> destroy --force web db'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Destroy);
    const ctx = await this.context(flags);
    const { destroyEach } = await import('../../lifecycle/destroy.js');
    const destroyed = await destroyEach(ctx, args.name, { force: flags.force });
    if (flags.json) this.printJson(destroyed);
  }
}
