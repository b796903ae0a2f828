import { run } from '../base/exec.js';
import { FAULT_POINTS } from '../base/fault.js';
import { programPath } from '../supervisor/programs.js';

/** Every name that TSCT_FAULT can have, those of native programs too. */
export async function faultPoints(): Promise<string[]> {
  const native = await run(programPath('tsct-copy'), ['--fault-points'], { doing: 'ask for fault points' });
  return [...FAULT_POINTS, ...native.split('\n')];
}
