import { badValue } from '../base/units.js';
import { parsePath } from './values.js';

/** What may be done with a device: r read, w write, m make a node of it. */
const ACCESS = /^(?!.*(.).*\1)[rwm]+$/;

/** Device=: `PATH[:INSIDE][:OPTION,...]`, `usb:VENDOR:PRODUCT[:INSIDE][:OPTION,...]`. */
export interface DeviceValue {
  /** On the host; links are followed. `usb:VVVV:PPPP`: what has these numbers, in small hexadecimal. */
  readonly source: string;
  /** Below /dev, inside. Absent, of the USB only: that of the host, which is another at each plugging in. */
  readonly path?: string;
  readonly access: string;
  /** As seen inside. */
  readonly uid: number;
  readonly gid: number;
  /** Absent: that of the host's node. */
  readonly mode?: number;
  /** It may be absent, and is given when it comes. */
  readonly optional?: true;
}

/** DeviceAllow=: one device by a node of the host, or all of a driver by a name in /proc/devices. */
export type DeviceAllowValue = { readonly access: string } & (
  | { readonly path: string }
  | { readonly type: 'c' | 'b'; readonly driver: string }
);

/** Ids inside end below that, whatever range a container has. */
const ID_MAX = 65_535;

/** Other file systems, which hide what is made below them, and the names that every container has. */
const NOT_HERE =
  /^\/dev\/((pts|shm|mqueue|char|block)(\/|$)|(null|zero|full|random|urandom|tty|ptmx|console|fd|stdin|stdout|stderr|core)$)/;

function parseInside(text: string): string {
  const path = parsePath(text);
  if (!path.startsWith('/dev/')) throw badValue(`${path} is not below /dev: nowhere else do nodes work`);
  if (NOT_HERE.test(path)) throw badValue(`${path} is tsct's own: name another place below /dev`);
  return path;
}

function parseAccess(text: string): string {
  if (!ACCESS.test(text)) throw badValue(`"${text}" is not made of r, w and m`);
  return text;
}

function parseOption(word: string): Partial<DeviceValue> {
  if (word === 'optional') return { optional: true };
  const [, name, digits = ''] = /^(uid|gid|mode)=(\d{1,5})$/.exec(word) ?? [];
  if (name === 'mode') {
    if (!/^0?[0-7]{3}$/.test(digits)) throw badValue(`"${word}": a mode is three octal digits`);
    return { mode: Number.parseInt(digits, 8) };
  }
  if (name !== undefined) {
    if (Number(digits) > ID_MAX) throw badValue(`"${word}": ids inside go up to ${ID_MAX}`);
    return { [name]: Number(digits) };
  }
  if (!ACCESS.test(word))
    throw badValue(`"${word}" is neither an access (of r, w, m) nor one of uid=, gid=, mode=, optional`);
  return { access: word };
}

/** The numbers of lsusb(8). */
function parseUsb(vendor = '', product = ''): string {
  for (const digits of [vendor, product])
    if (!/^[0-9a-f]{4}$/i.test(digits))
      throw badValue(`"usb:${vendor}:${product}" is not usb:VENDOR:PRODUCT, four hexadecimal digits each`);
  return `usb:${vendor}:${product}`.toLowerCase();
}

/** `/dev/ttyUSB0`, `/dev/sdb:/dev/disk:r`, `/dev/kvm:rw,gid=106`, `usb:1a86:7523:optional`. */
export function parseDevice(text: string): readonly DeviceValue[] {
  const [source = '', ...rest] = text.split(/(?<!\\):/).map((part) => part.replace(/\\:/g, ':'));
  const usb = source === 'usb' ? parseUsb(rest.shift(), rest.shift()) : undefined;
  const inside = rest[0]?.startsWith('/') ? rest.shift() : undefined;
  const [options = '', ...more] = rest;
  if (more.length > 0) throw badValue(`"${text}" has too many colons; \\: stands for a colon in a path`);
  const device = { access: 'rwm', uid: 0, gid: 0 };
  for (const word of options.split(',').filter((one) => one !== '')) Object.assign(device, parseOption(word));
  if (usb !== undefined)
    return [{ source: usb, ...(inside === undefined ? {} : { path: parseInside(inside) }), ...device }];
  const path = parsePath(source);
  return [{ source: path, path: parseInside(inside ?? path), ...device }];
}

/** `/dev/sda r`, `char-ttyUSB rw`, `block-*`. */
export function parseDeviceAllow(text: string): readonly DeviceAllowValue[] {
  const [what = '', access = 'rwm', ...more] = text.split(/\s+/);
  if (more.length > 0) throw badValue(`"${text}" is not a device and an access, such as "/dev/sda r"`);
  const [, kind, driver] = /^(char|block)-([^/\s]+)$/.exec(what) ?? [];
  if (driver !== undefined)
    return [{ type: kind === 'char' ? 'c' : 'b', driver, access: parseAccess(access) }];
  if (!what.startsWith('/')) throw badValue(`"${what}" is neither a path nor char-NAME nor block-NAME`);
  return [{ path: parsePath(what), access: parseAccess(access) }];
}
