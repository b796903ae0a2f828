import { describe, expect, it } from 'vitest';
import { findForwardDrops, forwardFix } from '../../../src/host/forward-drops.js';

const chain = (family: string, name: string, hook?: string, policy?: string) => ({
  chain: {
    family,
    table: 'filter',
    name,
    handle: 1,
    ...(hook ? { type: 'filter', hook, prio: 0, policy } : {}),
  },
});
const find = (...chains: unknown[]) =>
  findForwardDrops(JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6' } }, ...chains] }));

describe('chains that drop what is forwarded', () => {
  it('are those of the hook with that policy, of IP', () => {
    expect(
      find(
        chain('ip', 'INPUT', 'input', 'drop'),
        chain('ip', 'FORWARD', 'forward', 'accept'),
        chain('bridge', 'FORWARD', 'forward', 'drop'),
        chain('ip', 'other'),
      ),
    ).toEqual([]);
    expect(find(chain('ip6', 'FORWARD', 'forward', 'drop'))).toEqual([
      { family: 'ip6', table: 'filter', chain: 'FORWARD', keeper: 'other' },
    ]);
  });

  it('are Docker’s or ufw’s by the chain that either leaves to others', () => {
    const drop = chain('ip', 'FORWARD', 'forward', 'drop');
    const [docker] = find(drop, chain('ip', 'ufw-user-forward'), chain('ip', 'DOCKER-USER'));
    const [ufw] = find(drop, chain('ip', 'ufw-user-forward'), chain('ip6', 'DOCKER-USER'));
    expect([docker?.keeper, ufw?.keeper]).toEqual(['docker', 'ufw']);
    expect(ufw && forwardFix(ufw, 'tsct0')).toBe(
      'ufw route allow in on tsct0 && ufw route allow out on tsct0',
    );
  });
});
