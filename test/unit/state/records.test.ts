import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { currentText, readCurrent } from '../../../src/state/current.js';
import { identityText, machineId, newIdentity, readIdentity } from '../../../src/state/identity.js';

let file: string;
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'tsct-record-')), 'record');
});
afterEach(() => rmSync(join(file, '..'), { recursive: true }));

describe('identity.json', () => {
  it('reads back what was written', async () => {
    const identity = newIdentity(65536 * 20, 1234);
    writeFileSync(file, identityText(identity));
    expect(await readIdentity(file)).toEqual(identity);
    expect(machineId(identity)).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each([
    ['{', 'it is not JSON'],
    ['[]', 'not an object'],
    ['{"format":1}', '"uuid" is not a uuid'],
    [JSON.stringify({ ...newIdentity(65536), idBase: 0 }), '"idBase"'],
    [JSON.stringify({ ...newIdentity(65536), idBase: 2 ** 32 }), '"idBase"'],
    [JSON.stringify({ ...newIdentity(65536), idCount: 1 }), '"idCount"'],
    [JSON.stringify({ ...newIdentity(65536), macs: { host0: 1 } }), '"macs"'],
  ])('refuses %s', async (text, why) => {
    writeFileSync(file, text);
    await expect(readIdentity(file)).rejects.toMatchObject({
      code: 'TSCT_DAMAGED_RECORD',
      message: expect.stringContaining(why),
    });
  });

  it('reads one of format 1, which had no addresses', async () => {
    const identity = newIdentity(65536);
    writeFileSync(file, JSON.stringify({ ...identity, format: 1, addresses: [] }));
    expect(await readIdentity(file)).toEqual(identity);
    writeFileSync(file, JSON.stringify({ ...identity, addresses: { eth0: { network: 'tsct0' } } }));
    await expect(readIdentity(file)).rejects.toMatchObject({ code: 'TSCT_DAMAGED_RECORD' });
  });

  it('leaves a newer format to a newer tsct, exit 5', async () => {
    writeFileSync(file, JSON.stringify({ ...newIdentity(65536), format: 3 }));
    await expect(readIdentity(file)).rejects.toMatchObject({ code: 'TSCT_NEWER_FORMAT', exitCode: 5 });
  });
});

describe('current', () => {
  const whole = {
    format: 1,
    driver: 'overlay',
    layers: ['abc'],
    upper: 'def',
  } as const;

  it('reads back what was written', async () => {
    writeFileSync(file, currentText(whole));
    expect(await readCurrent(file)).toEqual(whole);
  });

  it.each([
    [{ driver: 'zfs' }, '"driver" is not overlay or btrfs or reflink or lvm-thin or dir'],
    [{ layers: ['../../etc'] }, '"layers"'],
    [{ upper: '../other' }, '"upper"'],
    [{ upper: '/etc' }, '"upper"'],
  ])('refuses %j: no path leads out of the container', async (change, why) => {
    writeFileSync(file, JSON.stringify({ ...whole, ...change }));
    await expect(readCurrent(file)).rejects.toThrow(why);
  });
});
