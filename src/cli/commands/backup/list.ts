import { string as stringArg } from '@oclif/core/args';
import { BaseCommand } from '../../base-command.js';
import { repositoryFlags, repositoryOptions } from '../../repository-flags.js';

export default class BackupList extends BaseCommand {
  static override summary = 'the backups in a repository, oldest first';
  static override args = {
    name: stringArg({ description: 'only those of this container', ignoreStdin: true }),
  };
  static override flags = repositoryFlags;
  static override examples = ['<%= config.bin %> backup list --repo /srv/backups'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BackupList);
    const ctx = await this.context(flags);
    const { listBackups } = await import('../../../lifecycle/backup-manage.js');
    const backups = await listBackups(ctx, repositoryOptions(flags), args.name);
    if (flags.json) return this.printJson(backups);
    const { renderBackups } = await import('../../render/backups.js');
    this.print(renderBackups(backups));
  }
}
