import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../src/plan/build-plan.js';
import { deviceChange, withDevicesOf } from '../../../src/plan/device-change.js';
import { sampleInput } from './sample-input.js';

const plan = (lines: string, more = '') => buildPlan(sampleInput(`[Resources]\n${lines}\n${more}`));

describe('deviceChange', () => {
  it('tells nodes that are new, other than they were, and gone', () => {
    const from = plan('Device=/dev/sda\nDevice=/dev/sdb\nDevice=/dev/sdc:mode=600');
    const to = plan('Device=/dev/sdb\nDevice=/dev/sdc:mode=640\nDevice=/dev/sdd:/dev/a/d');
    expect(deviceChange(from, to)).toEqual({
      made: ['/dev/sdc', '/dev/a/d'],
      removed: ['/dev/sda'],
      missingFails: true,
    });
    expect(deviceChange(from, from)).toBeUndefined();
    expect(withDevicesOf(from, to)).toEqual(to);
    expect(withDevicesOf(to, plan(''))).toEqual(plan(''));
  });

  it('calls what has no path before it is there by its numbers', () => {
    const from = plan('Device=usb:1a86:7523\nDevice=usb:046d:c52b');
    const to = plan('Device=usb:1a86:7523:optional');
    expect(deviceChange(from, to)).toMatchObject({ made: ['usb:1a86:7523'], removed: ['usb:046d:c52b'] });
  });

  it('has no node to make where only the access or the policy differs', () => {
    const none = { made: [], removed: [], missingFails: false };
    expect(deviceChange(plan('Device=/dev/sda:r'), plan('Device=/dev/sda:rw'), false)).toEqual(none);
    expect(deviceChange(plan(''), plan('DeviceAllow=char-x'), false)).toEqual(none);
    expect(deviceChange(plan(''), plan('DevicePolicy=closed'))?.removed).toEqual([
      '/dev/fuse',
      '/dev/net/tun',
    ]);
  });

  it('leaves the rest of the run as it was', () => {
    const kept = withDevicesOf(plan('', '[Exec]\nHostname=a'), plan('Device=/dev/sda', '[Exec]\nHostname=b'));
    expect(kept.hostname).toBe('a');
    expect(kept.tsct.devices?.nodes).toHaveLength(1);
  });
});
