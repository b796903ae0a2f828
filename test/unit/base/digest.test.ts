import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha256 } from '../../../src/base/digest.js';

test.each(['', 'abc', '/srv/tsct', '/srv/ä'.repeat(40)])('sha256 of %j is what OpenSSL says', (text) => {
  expect(sha256(text).toString('hex')).toBe(createHash('sha256').update(text).digest('hex'));
});
