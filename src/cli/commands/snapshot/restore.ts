import { boolean } from '@oclif/core/flags';
import { parseSnapshotAddress } from '../../../base/address.js';
import { BaseCommand, snapshotArg } from '../../base-command.js';

export default class SnapshotRestore extends BaseCommand {
  static override summary = 'bring back the root and the config of a snapshot';
  static override description =
    'What was there before is kept as another snapshot. The identity of the container (ids, machine-id, addresses) stays.';
  static override args = { snapshot: snapshotArg };
  static override flags = {
    stop: boolean({ summary: 'stop the container first if it runs' }),
    discard: boolean({ summary: 'do not keep what is there now' }),
  };
  static override examples = ['<%= config.bin %> snapshot restore --stop web@before-upgrade'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SnapshotRestore);
    const { name, snapshot } = parseSnapshotAddress(args.snapshot);
    const ctx = await this.context(flags);
    const { restoreSnapshot } = await import('../../../lifecycle/snapshot-restore.js');
    const restored = await restoreSnapshot(ctx, name, snapshot, {
      stop: flags.stop,
      discard: flags.discard,
    });
    if (flags.json) this.printJson(restored);
    else if (restored.kept !== null) this.print(`${name}@${restored.kept}`);
  }
}
