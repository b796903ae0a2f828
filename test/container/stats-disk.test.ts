import { beforeAll, expect } from 'vitest';
import type { ContainerStats } from '../../src/lifecycle/stats.js';
import { renewFree } from '../support/loop-control.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

// A disk that nobody has ever set a limit on.
beforeAll(async () => void (noRoot() === undefined && (await renewFree())));
const root = useRoot('ext4');

testNeeding(noRoot())(
  'what is read and written on a disk is counted, though nobody has limited it',
  async () => {
    await root.start('box');
    const count = async () => {
      const [box] = (await root.ok(['stats', 'box', '--json'])).json<ContainerStats[]>();
      return box?.io.usage.find(({ device }) => device.startsWith('loop'));
    };
    const before = await count();
    await root.sh('box', 'dd if=/dev/zero of=/file bs=1M count=8 conv=fsync 2>/dev/null');
    await root.sh('box', 'dd if=/file of=/dev/null bs=1M iflag=direct 2>/dev/null');
    const after = await count();
    expect((after?.writtenBytes ?? 0) - (before?.writtenBytes ?? 0)).toBeGreaterThanOrEqual(8 << 20);
    expect((after?.readBytes ?? 0) - (before?.readBytes ?? 0)).toBeGreaterThanOrEqual(8 << 20);
  },
);
