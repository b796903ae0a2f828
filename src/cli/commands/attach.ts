import { BaseCommand, nameArg } from '../base-command.js';

export default class Attach extends BaseCommand {
  static override summary = 'a root login shell in a container';
  static override description = 'Ends with the exit code of the shell. Ctrl-] three times detaches.';
  static override args = { name: nameArg };
  static override examples = ['<%= config.bin %> attach web'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Attach);
    const ctx = await this.context(flags);
    const { attach } = await import('../../lifecycle/exec.js');
    await attach(ctx, args.name);
  }
}
