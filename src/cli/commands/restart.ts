import { boolean, integer } from '@oclif/core/flags';
import { BaseCommand, namesArg } from '../base-command.js';

export default class Restart extends BaseCommand {
  static override summary = 'stop containers and start them again';
  static override description =
    'Stops as `stop` does, then starts with the config as it is now. A stopped container is started. With --reboot the guest reboots by itself: same supervisor, same config.';
  static override args = { name: namesArg };
  static override flags = {
    kill: boolean({ char: 'k', summary: 'kill at once, without asking init' }),
    reboot: boolean({ summary: 'ask init to reboot instead', exclusive: ['kill'] }),
    timeout: integer({ summary: 'before killing', helpValue: 'SECONDS', min: 0, default: 60 }),
    wait: boolean({ char: 'w', summary: 'come back when the guest is ready' }),
  };
  static override examples = ['<%= config.bin %> restart web', '<%= config.bin %> restart web --reboot'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Restart);
    const ctx = await this.context(flags);
    const { restartEach } = await import('../../lifecycle/restart.js');
    const results = await restartEach(ctx, args.name, {
      kill: flags.kill,
      reboot: flags.reboot,
      wait: flags.wait,
      timeoutMs: flags.timeout * 1000,
    });
    if (flags.json) this.printJson(results);
  }
}
