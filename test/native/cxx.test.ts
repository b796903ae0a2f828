import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const native = fileURLToPath(new URL('../../native', import.meta.url));

// plan_decode_test.cc, network_test.cc, nft_elements_test.cc, names_test.cc, seccomp_test.cc
it('the C++ tests pass', () => {
  const { stdout, stderr, status } = spawnSync('make', ['-s', '-C', native, 'test'], { encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(0);
}, 300_000);
