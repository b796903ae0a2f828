import { TsctErrors } from '../../../base/errors.js';
import { BaseCommand } from '../../base-command.js';

export default class SnapshotRunSchedules extends BaseCommand {
  static override summary = 'take the snapshots whose turn has come, and give up those that no rule keeps';
  static override description =
    'For cron or a systemd timer: of all containers, as [Snapshots] of each says. May run at any time and as often as one likes.';
  static override examples = [
    '<%= config.bin %> snapshot run-schedules',
    '<%= config.bin %> snapshot run-schedules --json',
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(SnapshotRunSchedules);
    const ctx = await this.context(flags);
    const { runSchedules } = await import('../../../lifecycle/snapshot-schedules.js');
    const { taken, expired, failed } = await runSchedules(ctx);
    const [first, ...others] = failed.map(({ error }) => error);
    if (flags.json) {
      const failures = failed.map(({ name, error }) => ({ name, message: error.message }));
      this.printJson({ taken, expired, failed: failures });
      if (first) this.exit(new TsctErrors([first, ...others]).exitCode);
      return;
    }
    this.print(taken.map(({ name, snapshot }) => `${name}@${snapshot}\n`).join(''));
    this.print(expired.map(({ name, snapshot }) => `expired ${name}@${snapshot}\n`).join(''));
    if (first) throw new TsctErrors([first, ...others]);
  }
}
