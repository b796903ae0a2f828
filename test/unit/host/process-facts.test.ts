import { describe, expect, it } from 'vitest';
import { parseCapabilities, parseLimits } from '../../../src/host/process-facts.js';

describe('parseLimits', () => {
  it('reads finite and unlimited values', () => {
    const text = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            1024                 20000                files
Max realtime timeout      unlimited            unlimited            us
Max nonsense              1                    2                    x
`;
    expect(parseLimits(text)).toEqual({
      RLIMIT_CPU: { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY },
      RLIMIT_NOFILE: { soft: 1024, hard: 20000 },
      RLIMIT_RTTIME: { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY },
    });
  });
});

describe('parseCapabilities', () => {
  it('names bits by capability.h, above 32 too', () => {
    const status = 'Name:\tx\nCapInh:\t0000000000000000\nCapEff:\t0000018000000001\n';
    expect(parseCapabilities(status, 'CapEff')).toEqual(['CAP_CHOWN', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE']);
    expect(parseCapabilities(status, 'CapInh')).toEqual([]);
    expect(parseCapabilities(status, 'CapBnd')).toEqual([]);
  });
});
