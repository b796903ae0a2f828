import { string as stringArg } from '@oclif/core/args';
import { BaseCommand } from '../../base-command.js';

export default class VolumeDestroy extends BaseCommand {
  static override summary = 'throw volumes away with their snapshots, or single snapshots';
  static override description = 'A volume that the config of a container names is left alone.';
  static override args = {
    volume: stringArg({
      description: 'the volumes, or snapshots of them: NAME@SNAP',
      required: true,
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override examples = [
    '<%= config.bin %> volume destroy data',
    '<%= config.bin %> volume destroy data@before-upgrade',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(VolumeDestroy);
    const ctx = await this.context(flags);
    const { destroyVolumes } = await import('../../../lifecycle/volume.js');
    const destroyed = await destroyVolumes(ctx, args.volume);
    if (flags.json) this.printJson(destroyed);
  }
}
