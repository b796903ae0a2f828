import { string } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';

const place = (description: string) => string({ description, required: true, ignoreStdin: true });

export default class Cp extends BaseCommand {
  static override summary = 'copy files into and out of a running container, or out of a snapshot';
  static override description =
    'One of the two is NAME:/path, the first may be NAME@SNAP:/path. Owners, modes, times, links and attributes are kept, with ids as the container sees them. No symbolic link inside leads out.';
  static override args = { from: place('PATH, NAME:PATH or NAME@SNAP:PATH'), to: place('PATH or NAME:PATH') };
  static override flags = {
    recursive: boolean({ char: 'r', summary: 'directories with all that is in them' }),
  };
  static override examples = [
    '<%= config.bin %> cp motd web:/etc/motd',
    '<%= config.bin %> cp -r web:/var/log ./web-logs',
    '<%= config.bin %> cp web@yesterday:/etc/passwd /tmp',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Cp);
    const ctx = await this.context(flags);
    const { copy } = await import('../../lifecycle/cp.js');
    const copied = await copy(ctx, args.from, args.to, { recursive: flags.recursive });
    if (flags.json) this.printJson(copied);
  }
}
