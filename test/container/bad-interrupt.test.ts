import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { chance, LONG, points, SEED } from '../support/chance.js';
import { changes, contentsOf, expectClear } from '../support/failures.js';
import { leftOver } from '../support/leftovers.js';
import { smallRoot, temporaryDirectory } from '../support/small-root.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';
import { spawnTsct } from '../support/tsct.js';

const root = useRoot();
const random = chance();
const HITS = LONG ? 60 : SLOWNESS > 1 ? 1 : 2;

beforeAll(async () => {
  await root.ok(['create', 'image']);
});

interface Hit {
  /** It ended before the signal came, or in spite of it: the work is done. */
  readonly done: boolean;
  readonly when: string;
}

/** Interrupts a command, which must end by itself, and say that it undid all or be through. */
async function hit(args: readonly string[], atMs: number, signal: NodeJS.Signals): Promise<Hit> {
  const before = contentsOf(root.path);
  const traces = root.traces();
  const command = spawnTsct(args, { root: root.path });
  await sleep(atMs);
  command.kill(signal);
  const result = await command;
  const when = `${args.join(' ')} ${signal} after ${Math.round(atMs)} ms, seed ${SEED}: ${result.stderr}`;
  if (result.exitCode === 0) return { done: true, when };
  if (result.exitCode !== undefined) {
    expect(result.exitCode, when).toBe(130);
    expectClear({ exitCode: 130, stdout: '', stderr: String(result.stderr), json: () => ({}) as never });
    expect(result.stderr, when).toMatch(/^Error: interrupted; everything was undone$/m);
  }
  // A signal that ends it by itself comes before the command has begun to listen (Node is still loading), or when all
  // is done and Node is on its way out: then what is there is whole, and can be undone.
  const left = [...leftOver(traces, root.traces()), ...changes(before, contentsOf(root.path))];
  if (result.exitCode === undefined && left.length > 0) return { done: true, when };
  expect(left, when).toEqual([]);
  return { done: false, when };
}

async function walk(args: readonly string[], undo: readonly string[]): Promise<void> {
  const begin = performance.now();
  await root.ok(args);
  const wholeMs = performance.now() - begin;
  await root.ok(undo);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    for (const atMs of points(HITS, 0.4 * wholeMs, 1.02 * wholeMs, random)) {
      const traces = root.traces();
      const { done, when } = await hit(args, atMs, signal);
      if (done) await root.ok(undo);
      expect(leftOver(traces, root.traces()), when).toEqual([]);
    }
  }
  await root.ok(args);
  await root.ok(undo);
}

describe('Ctrl-C and SIGTERM leave all done or nothing', {
  timeout: (LONG ? 3_600_000 : 200_000) * SLOWNESS,
}, () => {
  test('create from a template', () => walk(['create', 'box'], ['destroy', 'box']));

  test('create from a tar, and no layer half unpacked', async () => {
    const tar = join(await temporaryDirectory(), 'tar.gz');
    await execa('tar', ['-C', '/usr/share', '-czf', tar, 'zoneinfo', 'perl', 'python3'], { reject: false });
    await walk(['create', 'box', '--rootfs', tar], ['destroy', 'box']);
    const layers = readdirSync(join(root.layout.store, 'layers'));
    expect(layers.filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('start', async () => {
    await root.ok(['create', 'box']);
    await walk(['start', 'box'], ['stop', '--kill', 'box']);
  });

  test('start --wait while it waits: the container goes on running, and nobody says that it was undone', async () => {
    const silent = await smallRoot("#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 1; done\n");
    await root.ok(['create', 'box', '--rootfs', silent]);
    const command = spawnTsct(['start', 'box', '--wait'], { root: root.path });
    await until('it runs', async () => (await root.ok(['list', '--json'])).stdout.includes('"running"'));
    command.kill('SIGINT');
    const { exitCode, stderr } = await command;
    expect(exitCode).toBe(130);
    expect(stderr).toBe('Error: interrupted; see how things are: tsct list\n');
    expect((await root.ok(['info', 'box', '--json'])).json<{ state: string }>().state).toBe('running');
  });
});
