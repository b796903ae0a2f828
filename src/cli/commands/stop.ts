import { boolean, integer } from '@oclif/core/flags';
import { BaseCommand, optionalNamesArg } from '../base-command.js';

export default class Stop extends BaseCommand {
  static override summary = 'stop containers';
  static override description =
    'Asks init to power off and comes back when everything is undone. What has not ended after the timeout is killed, which is said. A stopped container is no error.';
  static override args = { name: optionalNamesArg };
  static override flags = {
    all: boolean({ summary: 'all that run, in the reverse of their start order' }),
    kill: boolean({ char: 'k', summary: 'kill at once, without asking init' }),
    timeout: integer({ summary: 'before killing', helpValue: 'SECONDS', min: 0, default: 60 }),
  };
  static override examples = ['<%= config.bin %> stop web', '<%= config.bin %> stop --all --timeout 20'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Stop);
    const ctx = await this.context(flags);
    const names = this.namesOrAll(args.name, flags.all);
    const options = { kill: flags.kill, timeoutMs: flags.timeout * 1000 };
    const { stopAll, stopEach } = await import('../../lifecycle/autostart.js');
    const results = await (flags.all ? stopAll(ctx, options) : stopEach(ctx, names, options));
    if (flags.json) return this.printJson(results);
    for (const { name, already, killed } of results) {
      if (already) this.say(`${name} is stopped already`);
      else if (killed && !flags.kill)
        this.say(`${name} did not stop within ${flags.timeout} s and was killed`);
    }
  }
}
