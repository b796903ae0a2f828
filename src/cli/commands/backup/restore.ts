import { resolve } from 'node:path';
import { string } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../../base-command.js';
import { repositoryFlags, repositoryOptions } from '../../repository-flags.js';

export default class BackupRestore extends BaseCommand {
  static override summary = 'make a container of a backup, or bring one path of it back';
  static override description =
    'Under its own name the container is the machine that it was: machine-id, ssh keys, MACs; with --as it is a new one. There is a whole container at the end, or nothing.';
  static override args = { name: nameArg };
  static override flags = {
    ...repositoryFlags,
    id: string({ summary: 'which backup; not given: the newest', helpValue: 'ID' }),
    as: string({ summary: 'name of the new container', helpValue: 'NEW', exclusive: ['path'] }),
    set: string({
      char: 's',
      summary: 'a setting of its config to change',
      helpValue: 'Section.Key=VALUE',
      multiple: true,
      multipleNonGreedy: true,
      exclusive: ['path'],
    }),
    path: string({ summary: 'only this file or directory', helpValue: 'PATH', dependsOn: ['to'] }),
    to: string({ summary: 'directory of the host that it comes to', helpValue: 'DIR', dependsOn: ['path'] }),
  };
  static override examples = [
    '<%= config.bin %> backup restore web --repo /srv/backups',
    '<%= config.bin %> backup restore web --repo /srv/backups --id 4beca4e5 --as web-old',
    '<%= config.bin %> backup restore web --repo /srv/backups --path /etc/passwd --to /tmp',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BackupRestore);
    const ctx = await this.context(flags);
    const { restoreBackup, restorePath } = await import('../../../lifecycle/backup-restore.js');
    const options = { ...repositoryOptions(flags), ...(flags.id === undefined ? {} : { id: flags.id }) };
    const restored =
      flags.path !== undefined && flags.to !== undefined
        ? await restorePath(ctx, args.name, flags.path, resolve(flags.to), options)
        : await restoreBackup(ctx, args.name, {
            ...options,
            ...(flags.as === undefined ? {} : { as: flags.as }),
            set: flags.set ?? [],
          });
    if (flags.json) this.printJson(restored);
  }
}
