import { BaseCommand, nameArg } from '../../base-command.js';

export default class SnapshotList extends BaseCommand {
  static override summary = 'the snapshots of a container, oldest first';
  static override args = { name: nameArg };
  static override examples = ['<%= config.bin %> snapshot list web'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SnapshotList);
    const ctx = await this.context(flags);
    const { listSnapshots } = await import('../../../lifecycle/snapshot-manage.js');
    const snapshots = await listSnapshots(ctx, args.name);
    if (flags.json) return this.printJson(snapshots);
    const { renderSnapshots } = await import('../../render/snapshots.js');
    this.print(renderSnapshots(snapshots));
  }
}
