import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../src/plan/build-plan.js';
import type { WritesTo } from '../../../src/plan/plan-input.js';
import { sampleInput } from './sample-input.js';

const plan = (volatile: string, writesTo?: WritesTo) =>
  buildPlan(sampleInput(`[Storage]\nVolatile=${volatile}\n`, writesTo ? { writesTo } : {}));
const rootfs = (volatile: string, writesTo?: WritesTo) => plan(volatile, writesTo).tsct.rootfs;

describe('planRootfs', () => {
  it('takes the writable layer for one more sealed one when what is written is thrown away', () => {
    const kept = rootfs('no');
    const ephemeral = rootfs('no', 'run');
    expect(kept).toMatchObject({ driver: 'overlay', layers: [expect.any(String)] });
    expect(kept).not.toHaveProperty('upper');
    expect(ephemeral).toMatchObject({ upper: 'run', upperDir: '/var/lib/tsct/.store/runs/web' });
    expect(ephemeral).toHaveProperty('layers.length', 2);
    expect(rootfs('overlay')).toMatchObject({ upper: 'memory', readonly: false });
    expect(rootfs('yes')).toMatchObject({ upper: 'memory', usrOnly: true });
  });

  it('memory wins over a layer on disk, and what is to be kept over both', () => {
    expect(rootfs('overlay', 'run')).toMatchObject({ upper: 'memory' });
    for (const volatile of ['yes', 'state', 'overlay'])
      expect(rootfs(volatile, 'kept')).toEqual(rootfs('no'));
  });

  it('a size is said only where something enforces it, and never for changes from outside', () => {
    const limit = (volatile: string, writesTo: WritesTo, limitedBy?: 'project' | 'memory') => {
      const input = sampleInput(`[Storage]\nSizeMax=1G\nVolatile=${volatile}\n`, { writesTo });
      return buildPlan({ ...input, root: { ...input.root, ...(limitedBy ? { limitedBy } : {}) } }).tsct.rootfs
        .limit;
    };
    expect(limit('no', 'config', 'project')).toEqual({ by: 'project', bytes: 1024 ** 3 });
    expect(limit('no', 'run', 'project')).toEqual({ by: 'project', bytes: 1024 ** 3 });
    expect(limit('overlay', 'config', 'memory')).toEqual({ by: 'memory', bytes: 1024 ** 3 });
    expect(limit('no', 'kept', 'project')).toBeUndefined();
    expect(limit('state', 'config', 'memory')).toBeUndefined();
  });

  it('state is a read-only root with a /var in memory', () => {
    const state = plan('state');
    expect(state.tsct.rootfs.readonly).toBe(true);
    expect(state.root.readonly).toBe(true);
    expect(state.mounts.find((mount) => mount.destination === '/var')?.type).toBe('tmpfs');
    expect(plan('state', 'kept').mounts.some((mount) => mount.destination === '/var')).toBe(false);
    expect(plan('state', 'run').tsct.rootfs).toMatchObject({ upper: 'run', readonly: true });
  });
});
