import { fileURLToPath } from 'node:url';
import { run } from '@oclif/core/run';
import { BuiltInPlugin, type CommandModules } from './plugin.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The way in: oclif finds the command by oclif.manifest.json, and only that one's module runs.
 * Deliberately not oclif's `execute`: its error printer wraps lines.
 */
export async function main(modules: CommandModules): Promise<void> {
  const argv = process.argv.slice(2);
  // `tsct list | head -1`: the reader has gone, and that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const plugin = new BuiltInPlugin(ROOT, modules);
  const fail = async (error: unknown) => {
    const { reportError } = await import('./report-error.js');
    process.exitCode = reportError(error, argv, plugin.commandIDs);
  };
  // Node ends with 0 when it waits for what nothing can bring about any more.
  const stuck = () => fail(new Error('the command waited for something that cannot come any more'));
  process.once('beforeExit', stuck);
  try {
    await run(argv, { root: ROOT, plugins: new Map([[plugin.name, plugin]]) });
  } catch (error) {
    await fail(error);
  } finally {
    process.off('beforeExit', stuck);
  }
}
