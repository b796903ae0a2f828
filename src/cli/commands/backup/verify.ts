import { ExitCode } from '../../../base/errors.js';
import { BaseCommand } from '../../base-command.js';
import { repositoryFlags, repositoryOptions } from '../../repository-flags.js';

export default class BackupVerify extends BaseCommand {
  static override summary = 'read all of a repository and say what is damaged';
  static override description =
    'Every file is read, decrypted and compared with its checksum, and everything that a backup needs must be there. Exit code 1 and one line for each damaged file, or nothing.';
  static override flags = repositoryFlags;
  static override examples = ['<%= config.bin %> backup verify --repo /srv/backups'];

  async run(): Promise<void> {
    const { flags } = await this.parse(BackupVerify);
    const ctx = await this.context(flags);
    const { verifyBackups } = await import('../../../lifecycle/backup-manage.js');
    const damaged = await verifyBackups(ctx, repositoryOptions(flags));
    if (flags.json) this.printJson({ ok: damaged.length === 0, damaged });
    else this.print(damaged.map((line) => `${line}\n`).join(''));
    if (damaged.length > 0) process.exitCode = ExitCode.Failed;
  }
}
