import { deferPackages } from './defer-packages.js';

/**
 * The way in: oclif finds the command by oclif.manifest.json and loads that one file.
 * Deliberately not oclif's `execute`: its index loads twice as much, its error printer wraps lines.
 */
export async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  // `tsct list | head -1`: the reader has gone, and that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  deferPackages();
  const { run } = await import('@oclif/core/run');
  try {
    await run(argv, import.meta.url);
  } catch (error) {
    const { reportError } = await import('./report-error.js');
    process.exitCode = reportError(error, argv);
  }
}
