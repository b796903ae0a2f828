import { resolve } from 'node:path';
import { string } from '@oclif/core/args';
import { ExitCode, TsctError } from '../../base/errors.js';
import { BaseCommand } from '../base-command.js';

export default class Export extends BaseCommand {
  static override summary = 'write a container to one file';
  static override description =
    'Root and config as a tar.zst that import reads and that tells when it is damaged; without FILE to NAME.tar.zst. Of a running container its state at one moment. A file is there whole or not at all.';
  static override args = {
    container: string({ description: 'NAME or NAME@SNAP', required: true, ignoreStdin: true }),
    file: string({ description: 'the file, or - for standard output', ignoreStdin: true }),
  };
  static override examples = [
    '<%= config.bin %> export web /srv/web.tar.zst',
    '<%= config.bin %> export web - | ssh other tsct import web -',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Export);
    if (args.file === '-' && process.stdout.isTTY) {
      throw new TsctError('TSCT_USAGE', `cannot export ${args.container}: standard output is a terminal`, {
        exitCode: ExitCode.Usage,
        hint: `name a file: tsct export ${args.container} FILE`,
      });
    }
    const ctx = await this.context(flags);
    const { exportContainer } = await import('../../lifecycle/export.js');
    const file = resolve(args.file ?? `${args.container}.tar.zst`);
    const exported = await exportContainer(ctx, args.container, args.file === '-' ? 1 : file);
    if (args.file === '-') return;
    if (flags.json) this.printJson({ ...exported, file });
    else if (args.file === undefined) this.print(file);
  }
}
