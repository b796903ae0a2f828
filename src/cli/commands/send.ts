import { resolve } from 'node:path';
import { string } from '@oclif/core/args';
import { string as stringFlag } from '@oclif/core/flags';
import { ExitCode, TsctError } from '../../base/errors.js';
import { BaseCommand, snapshotArg } from '../base-command.js';

export default class Send extends BaseCommand {
  static override summary = 'write a snapshot, or what it changes of another one, for receive';
  static override description =
    'To standard output, unless that is a terminal, or to a file, which is there whole or not at all. Whole, receive makes a container of it; with --from it adds the snapshot to a container that has the other one.';
  static override args = {
    snapshot: snapshotArg,
    file: string({ description: 'the file; not given, or -: standard output', ignoreStdin: true }),
  };
  static override flags = {
    from: stringFlag({
      summary: 'only what the snapshot changes of this one, which the receiver has',
      helpValue: 'SNAP',
    }),
  };
  static override examples = [
    '<%= config.bin %> send web@monday | ssh other tsct receive',
    '<%= config.bin %> send web@tuesday --from monday | ssh other tsct receive',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Send);
    const toStdout = args.file === undefined || args.file === '-';
    if (toStdout && process.stdout.isTTY) {
      throw new TsctError('TSCT_USAGE', `cannot send ${args.snapshot}: standard output is a terminal`, {
        exitCode: ExitCode.Usage,
        hint: `name a file: tsct send ${args.snapshot} FILE`,
      });
    }
    const ctx = await this.context(flags);
    const { sendSnapshot } = await import('../../lifecycle/send.js');
    const file = resolve(args.file ?? '-');
    const sent = await sendSnapshot(ctx, args.snapshot, flags.from, toStdout ? 1 : file);
    if (flags.json && !toStdout) this.printJson({ ...sent, file });
  }
}
