import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';

/** The native programs, in native/build/ of the package: both src/ and dist/ are one level below its root. */
export type Program =
  | 'tsct-supervisor'
  | 'tsct-setup'
  | 'tsct-launch'
  | 'tsct-exec'
  | 'tsct-archive'
  | 'tsct-probe'
  | 'tsct-copy'
  | 'tsct-view';

/** @throws TSCT_NOT_BUILT (exit 5) when it is not there. */
export function programPath(program: Program): HostPath {
  const path = fileURLToPath(new URL(`../../native/build/${program}`, import.meta.url));
  if (existsSync(path)) return path;
  throw new TsctError('TSCT_NOT_BUILT', `cannot run ${program}: ${path} is not there`, {
    exitCode: ExitCode.HostLacks,
    hint: 'build the native programs: npm run setup',
  });
}
