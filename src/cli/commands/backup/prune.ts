import { string as stringArg } from '@oclif/core/args';
import { boolean, string } from '@oclif/core/flags';
import { ExitCode, TsctError } from '../../../base/errors.js';
import { type KeepRule, parseKeepRule } from '../../../base/keep-rule.js';
import { BaseCommand } from '../../base-command.js';
import { repositoryFlags, repositoryOptions } from '../../repository-flags.js';

export default class BackupPrune extends BaseCommand {
  static override summary = 'remove the backups that a rule does not keep';
  static override description =
    'For each container by itself; the newest backup of each always stays. The space of what no other backup needs is free again.';
  static override args = {
    name: stringArg({ description: 'only those of this container', ignoreStdin: true }),
  };
  static override flags = {
    ...repositoryFlags,
    keep: string({
      summary: 'what to keep: hourly, daily, weekly, monthly, yearly:N, last:N, within:TIME',
      helpValue: 'RULE',
      required: true,
    }),
    'dry-run': boolean({ char: 'n', summary: 'only say which they are' }),
  };
  static override examples = [
    '<%= config.bin %> backup prune --repo /srv/backups --keep "daily:7 weekly:4 monthly:12"',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BackupPrune);
    const rule = keepRule(flags.keep);
    const ctx = await this.context(flags);
    const { pruneBackups } = await import('../../../lifecycle/backup-manage.js');
    const gone = await pruneBackups(ctx, repositoryOptions(flags), rule, {
      dryRun: flags['dry-run'],
      ...(args.name === undefined ? {} : { name: args.name }),
    });
    if (flags.json) return this.printJson(gone);
    this.print(gone.map(({ id, of, created }) => `${id} ${of} ${created}\n`).join(''));
  }
}

function keepRule(text: string): KeepRule {
  try {
    return parseKeepRule(text);
  } catch (error) {
    if (!(error instanceof TsctError)) throw error;
    throw new TsctError('TSCT_USAGE', `--keep: ${error.message}`, {
      exitCode: ExitCode.Usage,
      hint: 'tsct help backup prune',
      cause: error,
    });
  }
}
