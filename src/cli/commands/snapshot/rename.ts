import { string as stringArg } from '@oclif/core/args';
import { parseSnapshotAddress } from '../../../base/address.js';
import { BaseCommand, snapshotArg } from '../../base-command.js';

export default class SnapshotRename extends BaseCommand {
  static override summary = 'give a snapshot another name';
  static override args = {
    snapshot: snapshotArg,
    to: stringArg({ description: 'the new name', required: true, ignoreStdin: true }),
  };
  static override examples = ['<%= config.bin %> snapshot rename web@20261122T031500Z good'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SnapshotRename);
    const { name, snapshot } = parseSnapshotAddress(args.snapshot);
    const ctx = await this.context(flags);
    const { renameSnapshot } = await import('../../../lifecycle/snapshot-manage.js');
    await renameSnapshot(ctx, name, snapshot, args.to);
    if (flags.json) this.printJson({ name, snapshot: args.to });
  }
}
