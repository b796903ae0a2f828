import { BaseCommand, snapshotsArg } from '../../base-command.js';

export default class SnapshotDelete extends BaseCommand {
  static override summary = 'delete snapshots';
  static override args = { snapshot: snapshotsArg };
  static override examples = ['<%= config.bin %> snapshot delete web@before-upgrade'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SnapshotDelete);
    const ctx = await this.context(flags);
    const { deleteSnapshots } = await import('../../../lifecycle/snapshot-manage.js');
    const deleted = await deleteSnapshots(ctx, args.snapshot);
    if (flags.json) this.printJson(deleted);
  }
}
