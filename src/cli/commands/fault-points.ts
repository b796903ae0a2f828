import { BaseCommand } from '../base-command.js';

export default class FaultPoints extends BaseCommand {
  static override hidden = true;
  static override summary = 'the points at which TSCT_FAULT=POINT kills tsct, for tests';

  async run(): Promise<void> {
    const { flags } = await this.parse(FaultPoints);
    const { faultPoints } = await import('../../lifecycle/fault-points.js');
    const points = await faultPoints();
    if (flags.json) this.printJson(points);
    else this.print(points.join('\n'));
  }
}
