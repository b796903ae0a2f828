import { cp, mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { CHECKOUT } from './tsct.js';

/**
 * The program that tries what a hostile guest would (test/guest/probe), built when it is older than its source; the
 * virtual machine has no compiler and is given it by test/vm/run.
 */
export async function guestProbe(): Promise<string> {
  if (!process.env['TSCT_TEST_VM'])
    await execa('make', ['-C', join(CHECKOUT, 'native'), 'build/guest-probe']);
  return join(CHECKOUT, 'native/build/guest-probe');
}

/** A root file system that is nothing but the probe, as /probe: for containers whose init it is. */
export async function probeTree(parent: string): Promise<string> {
  const tree = await mkdtemp(join(parent, 'tree-'));
  await mkdir(join(tree, 'etc'));
  await cp(await guestProbe(), join(tree, 'probe'));
  return tree;
}

/** `NAME VALUE` lines as a record. */
export function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ (.*)/s, 2) as [string, string]),
  );
}
