import { BaseCommand } from '../base-command.js';

export default class FaultPoints extends BaseCommand {
  static override hidden = true;
  static override summary = 'the points at which TSCT_FAULT=POINT kills tsct, for tests';

  async run(): Promise<void> {
    const { flags } = await this.parse(FaultPoints);
    const { FAULT_POINTS } = await import('../../base/fault.js');
    if (flags.json) this.printJson(FAULT_POINTS);
    else this.print(FAULT_POINTS.join('\n'));
  }
}
