import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.js';
import { repositoryFlags, repositoryOptions } from '../../repository-flags.js';

export default class BackupCreate extends BaseCommand {
  static override summary = 'add a backup of a container to a repository';
  static override description =
    'Root and config, encrypted, and only what no backup in the repository has. Of a running container its state at one moment. The first backup makes the repository.';
  static override args = {
    container: stringArg({ description: 'NAME or NAME@SNAP', required: true, ignoreStdin: true }),
  };
  static override flags = {
    ...repositoryFlags,
    'freeze-hook': string({
      summary: 'run this inside by sh right before it stands still',
      helpValue: 'CMD',
    }),
    'thaw-hook': string({ summary: 'run this inside by sh as soon as it goes on', helpValue: 'CMD' }),
  };
  static override examples = [
    '<%= config.bin %> backup create web --repo /srv/backups',
    '<%= config.bin %> backup create db --repo /srv/backups --key-file /root/backup.key',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BackupCreate);
    const ctx = await this.context(flags);
    const { createBackup } = await import('../../../lifecycle/backup-create.js');
    const made = await createBackup(ctx, args.container, {
      ...repositoryOptions(flags),
      ...(flags['freeze-hook'] === undefined ? {} : { freezeHook: flags['freeze-hook'] }),
      ...(flags['thaw-hook'] === undefined ? {} : { thawHook: flags['thaw-hook'] }),
    });
    if (flags.json) return this.printJson(made);
    const { renderBackup } = await import('../../render/backups.js');
    this.print(renderBackup(made));
  }
}
