import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';
import { logger } from '../base/log.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import { addon } from './addon.js';
import { programPath } from './programs.js';
import type { StartReport } from './protocol.js';

const debug = logger('supervisor');

/**
 * Starts the supervisor of a container and waits for its report: init has been exec'd, or a step has failed and
 * everything is undone. The supervisor is in a session of its own and outlives this process; on a host run by
 * systemd it is tsct-launch that has it started as a transient service.
 * @param lockFd the container's lock: the supervisor, too, holds it until its report is out, so that nobody takes
 * the container for stopped meanwhile if this process is killed. (tsct-launch cannot hand it on.)
 * @param signal kills what has been started; the caller then tears down.
 * @throws TSCT_LAUNCH_FAILED when it ended without a report, AbortError.
 */
export async function launch(plan: LaunchPlan, lockFd: number, signal?: AbortSignal): Promise<StartReport> {
  signal?.throwIfAborted();
  const unit = plan.tsct.cgroup.driver === 'systemd' ? unitName(plan) : undefined;
  const program = unit === undefined ? 'tsct-supervisor' : 'tsct-launch';
  const planFd = sealPlan(plan);
  let child: ChildProcess;
  try {
    child = spawn(programPath(program), launchArguments(plan, unit), {
      // fd 1 is a socket pair: its end tells us when the supervisor has gone without a word.
      stdio: [
        planFd,
        'pipe',
        process.env['NODE_DEBUG']?.includes('tsct') ? 'inherit' : 'ignore',
        ...(unit === undefined ? [lockFd] : []),
      ],
      detached: true,
      cwd: '/',
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    });
  } finally {
    closeSync(planFd);
  }
  const kill = () => (unit === undefined ? killGroup(child) : killUnit(unit));
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const report = await readReport(child, plan.tsct.name);
    debug('%s of %s reports %o', program, plan.tsct.name, report);
    signal?.throwIfAborted();
    return report;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', kill);
    child.unref();
    child.stdout?.destroy();
  }
}

/** Name of the transient service that holds a container's supervisor on a host run by systemd. */
function unitName(plan: LaunchPlan): string {
  return `tsct-${plan.tsct.key}.service`;
}

function launchArguments(plan: LaunchPlan, unit: string | undefined): string[] {
  const { key, name, containerDir, cgroup } = plan.tsct;
  if (unit === undefined) return [key];
  const description = ['--description', `tsct container ${name}`, '--mounts-for', containerDir];
  const slice = cgroup.slice === undefined ? [] : ['--slice', cgroup.slice];
  return ['--unit', unit, ...slice, ...description, '--', programPath('tsct-supervisor'), key];
}

/** The plan as a file in memory that nobody can change: what a native program reads on a descriptor. */
export function sealPlan(plan: LaunchPlan): number {
  return addon().sealedMemfd('tsct-plan', Buffer.from(JSON.stringify(plan)));
}

async function readReport(child: ChildProcess, name: string): Promise<StartReport> {
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, killedBy) => resolve(killedBy ?? `exit code ${code}`));
  });
  let text = '';
  const reading = (async () => {
    for await (const chunk of child.stdout ?? []) {
      text += String(chunk);
      if (text.includes('\n')) break;
    }
  })();
  await Promise.race([reading, ended.then(() => reading)]);
  const line = text.split('\n', 1)[0] ?? '';
  if (line !== '') return JSON.parse(line) as StartReport;
  throw new TsctError(
    'TSCT_LAUNCH_FAILED',
    `cannot start ${name}: its supervisor ended without a report (${await ended})`,
    {
      exitCode: ExitCode.Failed,
      hint: 'NODE_DEBUG=tsct shows what native code prints; dmesg may tell more',
    },
  );
}

function killUnit(unit: string): void {
  spawn(programPath('tsct-launch'), ['--kill', '--unit', unit], { stdio: 'ignore', detached: true })
    .on('error', (error) => debug('tsct-launch --kill %s: %o', unit, error))
    .unref();
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // not yet, or no more, the leader of a group
  }
}
