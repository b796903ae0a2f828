import { run } from '../base/exec.js';
import type { HostPath } from '../base/paths.js';
import { programPath } from './programs.js';
import type { NativeError } from './protocol.js';

/** What one attempt of tsct-probe showed. */
export interface ProbeFinding {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: NativeError;
}

export interface ProbeOptions {
  /** A directory on the file system in question; absent: storage is not tried. */
  readonly dir?: HostPath;
  /** Mount point of the cgroup2 tree; absent: control groups are not tried. */
  readonly unifiedMount?: HostPath;
  /** Mount point of the v1 devices controller. */
  readonly devicesMount?: HostPath;
}

/**
 * Tries on the running kernel what containers need (native/probe); 0.1 to 0.3 s. Needs root.
 * @throws TSCT_NOT_BUILT, TSCT_PROGRAM_FAILED
 */
export async function probeKernel(options: ProbeOptions): Promise<readonly ProbeFinding[]> {
  const args = [options.dir ?? '', options.unifiedMount ?? '', options.devicesMount ?? ''];
  const text = await run(programPath('tsct-probe'), args, {
    doing: 'find out what the kernel can do',
    timeoutMs: 120_000,
  });
  return (JSON.parse(text) as { findings: readonly ProbeFinding[] }).findings;
}
