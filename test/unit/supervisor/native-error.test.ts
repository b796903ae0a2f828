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
    expect(describeNativeError('start web', failed('limit rate of link', 'ENOENT')).exitCode).toBe(5);
    expect(describeNativeError('start web', failed('set limit', 'EPERM')).hint).toContain('CAP_SYS_RESOURCE');
  });

  it('says of a network what has the name, and which program is missing', () => {
    const taken = describeNativeError(
      'start web',
      failed('make link', 'EEXIST', 'vt01234567', 'the name is taken by a bridge "office"'),
    );
    expect(taken.message).toContain('make link vt01234567: the name is taken by a bridge "office"');
    expect(taken.hint).toContain('ip -d link');
    expect(taken.exitCode).toBe(4);
    const service = failed('start service of network', 'ENOENT', '/usr/sbin/dnsmasq');
    expect(describeNativeError('start web', service).hint).toContain('dnsmasq-base');
    expect(describeNativeError('start web', failed('run nft', 'ENOENT')).exitCode).toBe(5);
    const unreachable = failed('add route', 'ENETUNREACH', '0.0.0.0/0 via 192.0.2.1 on eth0');
    expect(describeNativeError('start web', unreachable).message).toContain('out of reach of every address');
  });

  it('keeps a refusal that no call made', () => {
    const error = describeNativeError('start web', failed('read plan', '', 'mounts[3]', 'unknown type fuse'));
    expect(error.message).toBe('cannot start web: read plan mounts[3]: unknown type fuse');
    expect(error.hint).toBeUndefined();
  });
});
