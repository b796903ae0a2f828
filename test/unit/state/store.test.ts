import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateLayout } from '../../../src/base/paths.js';
import { Store } from '../../../src/state/store.js';

let root: string;
let store: Store;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsct-store-'));
  store = new Store(new StateLayout(root));
});
afterEach(() => rmSync(root, { recursive: true }));

const mode = (path: string) => statSync(path).mode & 0o777;

describe('Store', () => {
  it('lists whole containers only, sorted: no half-made ones, no files, no directories of its own', async () => {
    for (const name of ['web', 'db', '.store', '.locks', 'bad_name']) mkdirSync(join(root, name));
    writeFileSync(join(root, 'file'), '');
    store.createPartial('half');
    expect(store.list()).toEqual(['db', 'web']);
    expect(store.partials()).toEqual(['half']);
    await store.finishPartial('half');
    expect(store.list()).toEqual(['db', 'half', 'web']);
  });

  it('takes a state root that is not there as an empty one', () => {
    expect(new Store(new StateLayout(join(root, 'none'))).list()).toEqual([]);
  });

  it('keeps state root and containers closed to everybody else, whatever the root was before', async () => {
    chmodSync(root, 0o755);
    await store.prepare();
    store.createPartial('web');
    expect(mode(root)).toBe(0o700);
    expect(mode(join(root, 'web'))).toBe(0o700);
  });

  it('knows what a name stands for: exit 3 for none, 4 for taken', async () => {
    mkdirSync(join(root, 'web'));
    expect(() => store.need('web')).not.toThrow();
    expect(() => store.need('nope')).toThrow(expect.objectContaining({ exitCode: 3 }));
    expect(() => store.needFree('web')).toThrow(expect.objectContaining({ exitCode: 4 }));
    store.createPartial('half');
    expect(() => store.need('half')).toThrow(expect.objectContaining({ exitCode: 3 }));
  });

  it('removes a container, and names what an interrupted removal left', async () => {
    mkdirSync(join(root, 'web'));
    writeFileSync(join(root, 'web', 'config'), '');
    await store.remove('web');
    expect(readdirSync(root)).toEqual([]);
    mkdirSync(join(root, '.doomed-web-1_4711'));
    expect(store.doomed()).toEqual([{ name: 'web-1', path: join(root, '.doomed-web-1_4711') }]);
    expect(store.list()).toEqual([]);
  });
});
