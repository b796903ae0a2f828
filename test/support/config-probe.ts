import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printable, readConsoleLog } from '../../src/lifecycle/console-log.js';
import { type Context, createContext } from '../../src/lifecycle/context.js';
import { start } from '../../src/lifecycle/start.js';
import { moments } from '../../src/lifecycle/watch.js';
import { type TestRoot, until } from './temp-root.js';

const NAME = 'probe';

/** Makes the container that the probes below run in. */
export async function makeProbe(root: TestRoot): Promise<void> {
  await root.ok(['create', NAME, '--template', 'busybox']);
}

/** Gives the probe this config, with a shell that runs `script` as its init, and ends as told. */
export async function configureProbe(
  root: TestRoot,
  config: string,
  script: string,
  end = 'poweroff -f',
): Promise<void> {
  const quoted = script
    .trim()
    .replace(/\s*\n\s*/g, '; ')
    .replace(/[\\"]/g, '\\$&');
  const init = `\n[Exec]\nInit=/bin/sh\nParameters=-c "${quoted}; ${end}"\n`;
  await writeFile(join(root.layout.containerDir(NAME), 'config'), config + init);
}

/**
 * Starts the probe and gives what the script said on the console, once it has ended: what a config looks like to
 * PID 1. By the use cases and not the command line, which would cost three starts of Node for each look.
 */
export async function probe(root: TestRoot, config: string, script: string, end?: string): Promise<string> {
  await configureProbe(root, config, script, end);
  const ctx = contextOf(root);
  const { supervisorPid } = await start(ctx, NAME);
  for await (const _ of moments(ctx, NAME, ctx.signal));
  // Everything is undone by now, but for the last few microseconds of the supervisor itself.
  await until('the supervisor has ended', () => !existsSync(`/proc/${supervisorPid}`));
  return probeLog(root);
}

/** The console so far, as lines end on a host. */
export async function probeLog(root: TestRoot): Promise<string> {
  return printable(await readConsoleLog(contextOf(root), NAME));
}

function contextOf(root: TestRoot): Context {
  const signal = AbortSignal.timeout(60_000);
  return createContext({ root: root.path, signal, warn: () => {}, progress: () => {} });
}
