import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { describeNativeError } from '../../../src/supervisor/native-error.js';

const failed = (step: string, errno: keyof typeof constants.errno | '', target = '', detail?: string) => ({
  stage: 'outer',
  step,
  call: errno ? 'mount' : '',
  errno: errno ? constants.errno[errno] : 0,
  target,
  ...(detail === undefined ? {} : { detail }),
});

describe('describeNativeError', () => {
  it('says what was tried, on what, why, and what helps', () => {
    const error = describeNativeError('start web', failed('exec init', 'ENOENT', '/sbin/init'));
    expect(error.message).toBe(
      'cannot start web: exec init /sbin/init: mount: ENOENT (no such file or directory)',
    );
    expect(error.hint).toContain('/sbin/init');
    expect(error.exitCode).toBe(1);
  });

  it('ends with 5 when the host lacks something', () => {
    expect(describeNativeError('start web', failed('id map layer', 'EINVAL', '/x')).exitCode).toBe(5);
    expect(describeNativeError('start web', failed('mount layer', 'ENOSYS')).exitCode).toBe(5);
    expect(describeNativeError('start web', failed('set limit', 'EPERM')).hint).toContain('CAP_SYS_RESOURCE');
  });

  it('keeps a refusal that no call made', () => {
    const error = describeNativeError('start web', failed('read plan', '', 'mounts[3]', 'unknown type fuse'));
    expect(error.message).toBe('cannot start web: read plan mounts[3]: unknown type fuse');
    expect(error.hint).toBeUndefined();
  });
});
