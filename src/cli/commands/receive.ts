import { resolve } from 'node:path';
import { string } from '@oclif/core/args';
import { boolean, string as stringFlag } from '@oclif/core/flags';
import { ExitCode, TsctError } from '../../base/errors.js';
import { BaseCommand } from '../base-command.js';

export default class Receive extends BaseCommand {
  static override summary = 'take in a snapshot that send wrote';
  static override description =
    'One that is whole becomes a new container in that state, with the snapshot in it. A difference becomes a snapshot of a container that has the one it is the difference from; its root and config stay as they are, and it may run. Nothing of a stream that is cut short or changed is left.';
  static override args = {
    name: string({
      description: 'the container; not given: its name where it comes from',
      ignoreStdin: true,
    }),
    file: string({ description: 'the file; not given, or -: standard input', ignoreStdin: true }),
  };
  static override flags = {
    'keep-identity': boolean({
      summary: 'a new container is the same machine, which must not run at the same time',
    }),
    restore: boolean({
      summary: 'bring the snapshot back as well; the container must be stopped',
    }),
    set: stringFlag({
      char: 's',
      summary: 'a setting to change in the config of a new container',
      helpValue: 'Section.Key=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };
  static override examples = [
    'ssh other tsct send web@monday | <%= config.bin %> receive --keep-identity',
    'ssh other tsct send web@tuesday --from monday | <%= config.bin %> receive --restore',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Receive);
    const fromStdin = args.file === undefined || args.file === '-';
    if (fromStdin && process.stdin.isTTY) {
      throw new TsctError('TSCT_USAGE', 'cannot receive: standard input is a terminal', {
        exitCode: ExitCode.Usage,
        hint: 'name a file: tsct receive NAME FILE',
      });
    }
    const ctx = await this.context(flags);
    const { receiveSnapshot } = await import('../../lifecycle/receive.js');
    const received = await receiveSnapshot(ctx, fromStdin ? 0 : resolve(args.file ?? '-'), {
      ...(args.name === undefined ? {} : { name: args.name }),
      set: flags.set ?? [],
      keepIdentity: flags['keep-identity'],
      restore: flags.restore,
    });
    if (flags.json) this.printJson(received);
    else this.print(`${received.name}@${received.snapshot}`);
  }
}
