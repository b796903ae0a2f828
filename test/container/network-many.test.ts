import { readdirSync } from 'node:fs';
import { expect } from 'vitest';
import type { ContainerSummary } from '../../src/lifecycle/list.js';
import { LONG } from '../support/chance.js';
import { leftOver } from '../support/leftovers.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { SLOWNESS, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

const COUNT = LONG ? 100 : 8;
const TIMES = LONG ? 5 : 2;
const names = Array.from({ length: COUNT }, (_, i) => `c${100 + i}`);

it(
  `${COUNT} containers start and stop at once, ${TIMES} times: each has its own addresses, and nothing of them stays`,
  async () => {
    for (const name of names) await root.ok(['create', name, '--template', 'busybox']);
    const before = root.traces();
    let first: string[] | undefined;
    for (let time = 0; time < TIMES; time++) {
      await root.ok(['start', ...names], { timeoutMs: 600_000 });
      const all = (await root.ok(['list', '--json'])).json<ContainerSummary[]>();
      const addresses = all.flatMap((one) => one.addresses);
      expect(new Set(addresses).size).toBe(2 * COUNT);
      first ??= addresses;
      expect(addresses).toEqual(first);
      const last = names.at(-1) ?? '';
      expect(await root.sh('c100', `nslookup ${last}.tsct`)).toContain(addresses.at(-2)?.split('/')[0]);
      const inits = new Set(all.map((one) => one.pid));
      await root.ok(['stop', ...names, '--timeout', String(60 * SLOWNESS)], { timeoutMs: 600_000 });
      expect(leftOver(before, root.traces())).toEqual([]);
      // With no process in it, a namespace that nobody holds is gone; nobody has one of theirs open.
      expect(readdirSync('/proc').filter((pid) => inits.has(Number(pid)))).toEqual([]);
    }
  },
  { timeout: (LONG ? 1_800_000 : 120_000) * SLOWNESS },
);
