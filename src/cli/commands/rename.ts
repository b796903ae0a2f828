import { string } from '@oclif/core/args';
import { BaseCommand, nameArg } from '../base-command.js';

export default class Rename extends BaseCommand {
  static override summary = 'give a stopped container another name';
  static override args = {
    name: nameArg,
    newName: string({ description: 'its new name', required: true, ignoreStdin: true }),
  };
  static override examples = ['<%= config.bin %> rename web www'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rename);
    const ctx = await this.context(flags);
    const { rename } = await import('../../lifecycle/rename.js');
    await rename(ctx, args.name, args.newName);
    if (flags.json) this.printJson({ name: args.newName });
  }
}
