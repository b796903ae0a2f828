import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { randomHex, randomUuid } from '../../../src/base/random.js';
import { sha256 } from '../../../src/base/sha256.js';

test('is what OpenSSL makes of it, at every length around the blocks and with more than ASCII', () => {
  const texts = ['', 'abc', 'ü€𝄞', ...Array.from({ length: 200 }, (_, n) => 'x'.repeat(n))];
  for (const text of texts) {
    expect(sha256(text).toString('hex')).toBe(createHash('sha256').update(text).digest('hex'));
  }
});

test('random names and uuids have their form, and none comes twice', () => {
  expect(randomHex(6)).toMatch(/^[0-9a-f]{12}$/);
  const uuids = Array.from({ length: 100 }, randomUuid);
  for (const uuid of uuids)
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(uuids).size).toBe(100);
});
