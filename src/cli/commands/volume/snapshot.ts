import { string as stringArg } from '@oclif/core/args';
import { BaseCommand, volumeArg } from '../../base-command.js';

export default class VolumeSnapshot extends BaseCommand {
  static override summary = 'keep the present state of a volume';
  static override args = {
    volume: volumeArg,
    snapshot: stringArg({
      description: 'name of the snapshot; not given: the time, as 20261122T031500Z',
      ignoreStdin: true,
    }),
  };
  static override examples = ['<%= config.bin %> volume snapshot data before-upgrade'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(VolumeSnapshot);
    const ctx = await this.context(flags);
    const { snapshotVolume } = await import('../../../lifecycle/volume.js');
    const taken = await snapshotVolume(ctx, args.volume, args.snapshot);
    if (flags.json) this.printJson(taken);
    else this.print(`${taken.name}@${taken.snapshot}`);
  }
}
