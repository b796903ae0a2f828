import { ExitCode, TsctError } from '../base/errors.js';
import { addon } from '../supervisor/addon.js';
import { programPath } from '../supervisor/programs.js';
import type { Context } from './context.js';
import { observe } from './observe.js';
import { notRunning } from './stop.js';

export interface ExecOptions {
  readonly command: readonly string[];
  readonly user?: string;
  /** `NAME=VALUE` each. */
  readonly env?: readonly string[];
  readonly cwd?: string;
  /** Absent: a terminal inside if there is one outside. */
  readonly tty?: boolean;
}

/**
 * Runs a command inside: this process becomes tsct-exec, whose exit code is the command's.
 * @throws TSCT_NOT_RUNNING, TSCT_FROZEN (exit 4).
 */
export async function exec(ctx: Context, name: string, options: ExecOptions): Promise<never> {
  await needRunning(ctx, 'run a command in', name);
  return becomeExec([
    'exec',
    '--socket',
    ctx.layout.controlSocket(name),
    ...(options.user === undefined ? [] : ['--user', options.user]),
    ...(options.env ?? []).flatMap((pair) => ['--env', pair]),
    ...(options.cwd === undefined ? [] : ['--cwd', options.cwd]),
    ...(options.tty === undefined ? [] : [options.tty ? '--tty' : '--no-tty']),
    '--',
    ...options.command,
  ]);
}

/** A root login shell inside: of /etc/passwd there, else /bin/sh. */
export async function attach(ctx: Context, name: string): Promise<never> {
  await needRunning(ctx, 'attach to', name);
  return becomeExec(['exec', '--socket', ctx.layout.controlSocket(name), '--login']);
}

/** The console of a running container, until Ctrl-] three times. @param options.log print what it said before. */
export async function openConsole(
  ctx: Context,
  name: string,
  options: { readonly log: boolean },
): Promise<never> {
  ctx.store.need(name);
  const { status } = await observe(ctx, name);
  if (!status) throw notRunning('open the console of', name);
  const log = ctx.layout.consoleLog(name);
  return becomeExec([
    'console',
    '--socket',
    ctx.layout.controlSocket(name),
    ...(options.log ? [`${log}.1`, log].flatMap((file) => ['--log', file]) : []),
  ]);
}

async function needRunning(ctx: Context, doing: string, name: string): Promise<void> {
  ctx.store.need(name);
  const { state } = await observe(ctx, name);
  if (state === 'frozen') {
    throw new TsctError('TSCT_FROZEN', `cannot ${doing} ${name}: it is frozen`, {
      exitCode: ExitCode.WrongState,
      hint: `thaw it: tsct thaw ${name}`,
    });
  }
  if (state === 'stopped') throw notRunning(doing, name);
}

function becomeExec(args: readonly string[]): never {
  const env = Object.entries(process.env).map(([key, value]) => `${key}=${value ?? ''}`);
  return addon().execProgram(programPath('tsct-exec'), ['tsct-exec', ...args], env);
}
