import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect } from 'vitest';
import { LONG } from '../support/chance.js';
import { leftOver } from '../support/leftovers.js';
import { noProgram, testNeeding } from '../support/requires.js';
import { temporaryDirectory } from '../support/small-root.js';
import { SLOWNESS, useRoot } from '../support/temp-root.js';
import { CHECKOUT } from '../support/tsct.js';

const root = useRoot();
/** The calls that change what is on disk: a crash of the command line between any two of them must not show. */
const CALLS = 'mkdir,rename,unlink,rmdir,fsync,ftruncate,symlink,link';
/** Every point in the long walk; else a few, those that an earlier version did not survive among them. */
const STEP = LONG ? 1 : SLOWNESS > 1 ? 20 : 10;

beforeAll(async () => {
  await root.ok(['create', 'image']);
});

/** Kills the command line at its n-th changing call. One thread does them all, so that n means the same each time. */
async function killedAt(n: number, args: readonly string[]): Promise<boolean> {
  const words = ['-f', '-qq', '-b', 'execve', '-o', '/dev/null', '-e', `trace=${CALLS}`];
  const inject = ['-e', `inject=${CALLS}:signal=KILL:when=${n}`];
  const env = { TSCT_ROOT: root.path, UV_THREADPOOL_SIZE: '1' };
  const cli = [process.execPath, join(CHECKOUT, 'bin/tsct.js'), ...args];
  const { exitCode, signal } = await execa('strace', [...words, ...inject, ...cli], { env, reject: false });
  expect(exitCode === 0 || signal === 'SIGKILL' || exitCode === 137, `${args.join(' ')} at call ${n}`).toBe(
    true,
  );
  return exitCode !== 0;
}

const CASES: readonly (readonly [string, readonly string[], readonly string[] | undefined])[] = [
  ['create', ['create', 'box'], undefined],
  ['create --rootfs', ['create', 'box', '--rootfs', 'FRESH'], undefined],
  ['start', ['start', 'box'], ['create', 'box']],
  ['destroy', ['destroy', 'box'], ['create', 'box']],
  ['rename', ['rename', 'box', 'other'], ['create', 'box']],
  ['config set', ['config', 'set', 'box', 'Exec.Hostname=other'], ['create', 'box']],
];

for (const [what, args, prepare] of CASES) {
  const options = { timeout: (LONG ? 3_600_000 : 120_000) * SLOWNESS };
  testNeeding(noProgram('strace'))(
    `${what} killed at ${LONG ? 'every' : 'some'} change it makes: whole or gone`,
    async () => {
      for (let n = 1; ; n += STEP) {
        await root.destroyAllBut(['image']);
        if (prepare) await root.ok(prepare);
        const fresh = await temporaryDirectory();
        mkdirSync(join(fresh, 'etc'));
        writeFileSync(join(fresh, `etc/${n}`), String(n));
        const killed = await killedAt(
          n,
          args.map((word) => word.replace('FRESH', fresh)),
        );
        const when = `${what} killed at change ${n}`;
        const listed = await root.ok(['list', '--json']);
        expect(listed.stderr, when).toBe('');
        const names = listed.json<{ name: string }[]>().map(({ name }) => name);
        const own = names.filter((name) => name !== 'image');
        if (prepare && args[0] !== 'destroy') expect(own, when).toHaveLength(1);
        await root.run(['stop', '--kill', ...own, 'image']);
        const known = new Set(names.map((name) => `file ${join(root.path, name)}`));
        expect(leftOver(known, root.traces()), when).toEqual([]);
        for (const name of own) await root.ok(['start', name, '--dry-run']);
        if (!killed) break;
      }
    },
    options,
  );
}
