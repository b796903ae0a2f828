import { describe, expect, it } from 'vitest';
import { TsctErrors } from '../../../src/base/errors.js';
import { parseDefinition } from '../../../src/definition/parse.js';

const parse = (lines: string) =>
  parseDefinition([{ file: 'config', text: `[Resources]\n${lines}\n` }]).resources;

describe('Device=', () => {
  it('names source, place inside, access, owner and mode', () => {
    const plain = { access: 'rwm', uid: 0, gid: 0 };
    expect(parse('Device=/dev/kvm').devices).toEqual([{ source: '/dev/kvm', path: '/dev/kvm', ...plain }]);
    expect(parse('Device=/dev/sdb:/dev/disk:r').devices).toEqual([
      { source: '/dev/sdb', path: '/dev/disk', ...plain, access: 'r' },
    ]);
    expect(parse('Device=/dev/serial/by-id/a\\:b:/dev/tty0:rw,uid=1,gid=20,mode=0660').devices).toEqual([
      { source: '/dev/serial/by-id/a:b', path: '/dev/tty0', access: 'rw', uid: 1, gid: 20, mode: 0o660 },
    ]);
    expect(parse('Device=/dev/sdb:r,optional').devices).toEqual([
      { source: '/dev/sdb', path: '/dev/sdb', ...plain, access: 'r', optional: true },
    ]);
    expect(parse('Device=usb:1A86:7523\nDevice=usb:046d:c52b:/dev/mouse:rw,optional').devices).toEqual([
      { source: 'usb:1a86:7523', ...plain },
      { source: 'usb:046d:c52b', path: '/dev/mouse', ...plain, access: 'rw', optional: true },
    ]);
    expect(parse('Device=/dev/kvm:rw').devices[0]).toMatchObject({ path: '/dev/kvm', access: 'rw' });
  });

  for (const [value, why] of [
    ['dev/kvm', 'not an absolute path'],
    ['/etc/passwd', 'not below /dev'],
    ['/dev/kvm:/srv/kvm', 'not below /dev'],
    ['/dev/kvm:/dev/../etc/x', 'has a ".." in it'],
    ['/dev/kvm:/dev/pts/9', "tsct's own"],
    ['/dev/kvm:/dev/null', "tsct's own"],
    ['/dev/kvm:/dev/x:r:w', 'too many colons'],
    ['/dev/kvm:rr', 'neither an access'],
    ['/dev/kvm:x', 'neither an access'],
    ['/dev/kvm:uid=65536', 'go up to 65535'],
    ['/dev/kvm:uid=-1', 'neither an access'],
    ['/dev/kvm:mode=4755', 'three octal digits'],
    ['/dev/kvm:mode=888', 'three octal digits'],
    ['usb:46d:c52b', 'four hexadecimal digits each'],
    ['usb:046d', 'four hexadecimal digits each'],
    ['usb:046d:c52b:/srv/x', 'not below /dev'],
    ['usb:046d:c52b\nDevice=usb:046D:C52B:r', '/dev/bus/usb/usb:046d:c52b is there already'],
    ['usb:046d:c52b\nDevice=/dev/sda:/dev/bus', 'cannot both be'],
    ['/dev/kvm\nDevice=/dev/kvm:r', '/dev/kvm is there already'],
    ['/dev/sda:/dev/a\nDevice=/dev/sdb:/dev/a/b', '/dev/a/b and /dev/a cannot both be'],
  ] as const) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      expect(() => parse(`Device=${value}`)).toThrow(why);
    });
  }

  it('says in which line', () => {
    const lines = 'Device=/dev/kvm\nDevice=/dev/sda\nDevice=/dev/fuse:/dev/sda';
    expect(() => parse(lines)).toThrow(/^config:4: /);
    expect(() => parse('Device=x\nDeviceAllow=y')).toThrow(TsctErrors);
  });
});

describe('DeviceAllow=', () => {
  it('is a path or the name of a driver', () => {
    expect(
      parse('DeviceAllow=/dev/sda r\nDeviceAllow=char-ttyUSB*  rw\nDeviceAllow=block-*').devicesAllowed,
    ).toEqual([
      { path: '/dev/sda', access: 'r' },
      { type: 'c', driver: 'ttyUSB*', access: 'rw' },
      { type: 'b', driver: '*', access: 'rwm' },
    ]);
  });

  for (const [value, why] of [
    ['sda', 'neither a path nor char-NAME'],
    ['char-', 'neither a path nor char-NAME'],
    ['/dev/sda rwx', 'not made of r, w and m'],
    ['/dev/sda r w', 'not a device and an access'],
  ] as const) {
    it(`refuses ${value}`, () => {
      expect(() => parse(`DeviceAllow=${value}`)).toThrow(why);
    });
  }
});
