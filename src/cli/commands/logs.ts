import { boolean, integer } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../base-command.js';

export default class Logs extends BaseCommand {
  static override summary = 'what the console of a container has said';
  static override description =
    'Of the run that is under way, else of the last one. On a terminal escape sequences are taken out; elsewhere it is byte for byte what the guest wrote.';
  static override args = { name: nameArg };
  static override flags = {
    follow: boolean({ char: 'f', summary: 'go on with what it says, until it stops' }),
    lines: integer({ char: 'n', summary: 'only the last so many lines', helpValue: 'N', min: 0 }),
  };
  static override examples = ['<%= config.bin %> logs web', '<%= config.bin %> logs -f -n 20 web'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logs);
    const ctx = await this.context(flags);
    const { followLog, logs } = await import('../../lifecycle/logs.js');
    const { printable } = await import('../../lifecycle/console-log.js');
    const text = await logs(ctx, args.name, flags.lines);
    if (flags.json && !flags.follow) return this.printJson({ name: args.name, log: text });
    this.print(process.stdout.isTTY ? printable(text) : text);
    if (!flags.follow) return;
    for await (const bytes of followLog(ctx, args.name)) {
      process.stdout.write(process.stdout.isTTY ? printable(bytes.toString()) : bytes);
    }
  }
}
