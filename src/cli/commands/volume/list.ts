import { BaseCommand } from '../../base-command.js';

export default class VolumeList extends BaseCommand {
  static override summary = 'the volumes, who has them attached, and their snapshots';
  static override examples = ['<%= config.bin %> volume list', '<%= config.bin %> volume list --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(VolumeList);
    const ctx = await this.context(flags);
    const { listVolumes } = await import('../../../lifecycle/volume.js');
    const volumes = await listVolumes(ctx);
    if (flags.json) return this.printJson(volumes);
    const { table } = await import('../../render/table.js');
    const rows = volumes.map(({ name, created, usedBy, snapshots }) => [
      name,
      created,
      usedBy.join(' ') || '-',
      snapshots.join(' ') || '-',
    ]);
    this.print(table(['NAME', 'CREATED', 'USED BY', 'SNAPSHOTS'], rows));
  }
}
