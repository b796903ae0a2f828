import { resolve } from 'node:path';
import { string } from '@oclif/core/args';
import { string as stringFlag } from '@oclif/core/flags';
import { ExitCode, TsctError } from '../../base/errors.js';
import { BaseCommand, nameArg } from '../base-command.js';

export default class Import extends BaseCommand {
  static override summary = 'make a container of an export';
  static override description =
    'With the config and root that it had, and an identity of its own: machine-id, ssh keys, MACs, ids. An archive that is cut short, changed or followed by something is refused, and nothing is left of it.';
  static override args = {
    name: nameArg,
    file: string({ description: 'the file, or - for standard input', required: true, ignoreStdin: true }),
  };
  static override flags = {
    set: stringFlag({
      char: 's',
      summary: 'a setting of its config to change',
      helpValue: 'Section.Key=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };
  static override examples = [
    '<%= config.bin %> import web2 /srv/web.tar.zst',
    'ssh other tsct export web - | <%= config.bin %> import web -',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Import);
    if (args.file === '-' && process.stdin.isTTY) {
      throw new TsctError('TSCT_USAGE', `cannot import ${args.name}: standard input is a terminal`, {
        exitCode: ExitCode.Usage,
        hint: `name a file: tsct import ${args.name} FILE`,
      });
    }
    const ctx = await this.context(flags);
    const { importContainer } = await import('../../lifecycle/import.js');
    const source = args.file === '-' ? 0 : resolve(args.file);
    const created = await importContainer(ctx, args.name, source, flags.set ?? []);
    if (flags.json) this.printJson(created);
  }
}
