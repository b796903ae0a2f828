import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// Devices of a USB that the kernel emulates, both ends of it (dummy_hcd): plugged in and pulled out as on a real one. Debian has it
// in its generic kernel, and not in that for clouds.
const MODULES = ['dummy_hcd', 'libcomposite', 'usb_f_ss_lb'];
const noUsb =
  noRoot() ??
  (execaSync('modprobe', ['--dry-run', '--all', ...MODULES], { reject: false }).failed
    ? `this kernel has no ${MODULES.join(', ')}`
    : undefined);
const it = testNeeding(noUsb);
const root = useRoot();

const CONFIGFS = '/sys/kernel/config';
const gadget = (port: number) => join(CONFIGFS, 'usb_gadget', `tsct-test-${port}`);
/** A number that is nobody's: prototypes are given it. */
const [VENDOR, PRODUCT] = ['f055', '1a2b'];
const USB = `usb:${VENDOR}:${PRODUCT}`;

beforeAll(async () => {
  if (noUsb !== undefined) return;
  await execa('modprobe', ['dummy_hcd', 'num=2']);
  await execa('modprobe', ['--all', ...MODULES]);
  if (!existsSync(join(CONFIGFS, 'usb_gadget'))) await execa('mount', ['-t', 'configfs', 'none', CONFIGFS]);
});
afterEach(async () => {
  for (const port of [0, 1]) await unplug(port);
});
afterAll(async () => {
  if (noUsb === undefined) await execa('modprobe', ['--remove', 'usb_f_ss_lb', 'libcomposite', 'dummy_hcd']);
});

async function plug(port: number): Promise<void> {
  const dir = gadget(port);
  await mkdir(dir);
  await writeFile(join(dir, 'idVendor'), `0x${VENDOR}`);
  await writeFile(join(dir, 'idProduct'), `0x${PRODUCT}`);
  for (const part of ['configs/c.1', 'functions/Loopback.0']) await mkdir(join(dir, part));
  await symlink(join(dir, 'functions/Loopback.0'), join(dir, 'configs/c.1/Loopback.0'));
  await writeFile(join(dir, 'UDC'), `dummy_udc.${port}`);
}

/** Parts of a gadget go one by one, and the last holds the others. */
async function unplug(port: number): Promise<void> {
  const dir = gadget(port);
  if (!existsSync(dir)) return;
  await rm(join(dir, 'configs/c.1/Loopback.0'));
  for (const part of ['configs/c.1', 'functions/Loopback.0', '']) await rmdir(join(dir, part));
}

const nodes = async (name: string) =>
  (await root.sh(name, 'find /dev/bus/usb -type c 2>/dev/null; true')).split('\n').filter(Boolean).sort();
/** idVendor and idProduct of its descriptor, which the kernel gives who reads the node (Documentation/driver-api/usb). */
const numbers = (name: string, node: string) => root.sh(name, `od -A n -t x2 -j 8 -N 4 ${node} 2>&1; true`);

it('usb:VENDOR:PRODUCT with optional: all of these numbers, as they come and go', async () => {
  await root.start('box', `Resources.Device=${USB}:rw,optional`);
  expect(await nodes('box')).toEqual([]);
  await plug(0);
  await until('it is given', async () => (await nodes('box')).length === 1);
  const [first = ''] = await nodes('box');
  expect(first).toMatch(/^\/dev\/bus\/usb\/\d{3}\/\d{3}$/);
  expect(await numbers('box', first)).toBe(` ${VENDOR} ${PRODUCT}`);
  expect(await root.sh('box', `stat -c %u:%g ${first}`)).toBe('0:0');
  await plug(1);
  await until('the other is given, too', async () => (await nodes('box')).length === 2);
  const [second = ''] = (await nodes('box')).filter((node) => node !== first);
  expect(await numbers('box', second)).toBe(` ${VENDOR} ${PRODUCT}`);
  await unplug(0);
  await until('one is taken', async () => (await nodes('box')).length === 1);
  expect(await nodes('box')).toEqual([second]);
  await plug(0);
  await until('it is given by its new number', async () => (await nodes('box')).length === 2);
  expect(await nodes('box')).not.toContain(first);
  for (const node of await nodes('box')) expect(await numbers('box', node)).toBe(` ${VENDOR} ${PRODUCT}`);
});

it('usb:VENDOR:PRODUCT: it has to be there, keeps the name that it was given, and nothing else of the bus is', async () => {
  await root.create('box', 'Network.Private=yes', `Resources.Device=${USB}`);
  const refused = await root.run(['start', 'box']);
  expect(refused.exitCode).toBe(5);
  expect(refused.stderr).toMatch(`find device ${USB}`);
  await plug(1);
  await until('the host has it', async () => (await onHost()).length === 1);
  const [node] = await onHost();
  await root.ok(['config', 'set', 'box', `Resources.Device=${USB}:/dev/meter:r,uid=5,mode=600`]);
  await root.ok(['start', 'box']);
  expect(await nodes('box')).toEqual([]);
  expect(await root.sh('box', 'stat -c "%a %u" /dev/meter')).toBe('600 5');
  expect(await numbers('box', '/dev/meter')).toBe(` ${VENDOR} ${PRODUCT}`);
  expect(await root.sh('box', '(: >/dev/meter) 2>&1; true')).toContain('Operation not permitted');
  await root.ok(['config', 'set', 'box', `Resources.Device=${node}:/dev/same`]);
  expect(await numbers('box', '/dev/same')).toBe(` ${VENDOR} ${PRODUCT}`);
  expect(await root.sh('box', 'ls /dev/meter 2>&1; true')).toContain('No such file');
});

/** Nodes of the host that have these numbers. */
async function onHost(): Promise<string[]> {
  const devices = '/sys/bus/usb/devices';
  const found = [];
  for (const name of await readdir(devices)) {
    const word = (file: string) =>
      execa('cat', [join(devices, name, file)], { reject: false }).then(({ stdout }) => stdout);
    if ((await word('idVendor')) !== VENDOR || (await word('idProduct')) !== PRODUCT) continue;
    const number = async (file: string) => (await word(file)).padStart(3, '0');
    found.push(`/dev/bus/usb/${await number('busnum')}/${await number('devnum')}`);
  }
  return found;
}
