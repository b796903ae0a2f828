import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bars } from './bars.js';
import { buildGuests, mountDisk } from './guests.js';
import { Lxc, type Manager, Nspawn, Tsct } from './managers.js';
import { network } from './network.js';
import * as operations from './operations.js';
import { DEBIAN, medianOf, type Results, TINY } from './operations.js';
import { storage } from './storage.js';
import { throughput } from './throughput.js';

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    stages: { type: 'string', default: 'run,storage,network,throughput' },
    only: { type: 'string', default: 'tsct,lxc,nspawn' },
  },
});
if (process.getuid?.() !== 0) {
  console.error('bench: needs root');
  process.exit(1);
}
const disk = await mountDisk();
const tsct = new Tsct(disk.path);
const managers = present();
const results: Results = new Map();
try {
  const count = Number(flags.rounds);
  if (flags.stages.includes('run')) await measureRuns(count);
  if (flags.stages.includes('storage')) {
    const { debian } = await buildGuests(join(disk.path, 'guests'));
    await stage('clone, snapshot, restore', () => storage(debian, disk.path, count, results));
  }
  if (/network|throughput/.test(flags.stages)) {
    await tsct.destroy(TINY);
    await tsct.add(TINY, (await buildGuests(join(disk.path, 'guests'))).tiny);
  }
  if (flags.stages.includes('network')) {
    await stage('start on a network', () => network(tsct, count, results));
  }
  if (flags.stages.includes('throughput')) {
    await stage('throughput', () => throughput(tsct, count, results));
  }
} finally {
  for (const manager of managers) {
    for (const name of [TINY, DEBIAN]) await manager.destroy(name);
  }
  await rm(tsct.root, { recursive: true, force: true });
  await disk.unmount();
}
printTable();
if (!printBars() && flags.check) process.exitCode = 1;

async function measureRuns(count: number): Promise<void> {
  await stage('guests', prepare);
  await stage('start and stop', () => operations.startAndStop(managers, count, results));
  await stage('exec, memory', () => operations.whileRunning(managers, count, results));
  await stage('list', () => operations.listing(managers, count, results));
  await stage("tsct's own bars", () => operations.ownBars(tsct, count, results));
}

function present(): Manager[] {
  const asked = flags.only.split(',');
  const all = [
    tsct,
    ...(Lxc.here() ? [new Lxc(disk.path)] : []),
    ...(Nspawn.here() ? [new Nspawn(disk.path)] : []),
  ];
  return all.filter((manager) => manager.name === 'tsct' || asked.includes(manager.name));
}

async function stage(what: string, job: () => Promise<void>): Promise<void> {
  console.error(`bench: ${what}`);
  await job();
}

async function prepare(): Promise<void> {
  const guests = await buildGuests(join(disk.path, 'guests'));
  for (const manager of managers) {
    for (const [name, root] of [
      [TINY, guests.tiny],
      [DEBIAN, guests.debian],
    ] as const) {
      await manager.destroy(name);
      await manager.add(name, root);
    }
  }
}

/** Medians; in brackets what only stands in for the operation. */
function printTable(): void {
  const names = managers.map((manager) => manager.name);
  console.log(['', ...names, 'tsct/best'].map(cell).join(''));
  for (const operation of results.keys()) {
    const own = medianOf(results, operation, 'tsct');
    const peers = managers
      .filter((manager) => manager.name !== 'tsct' && !manager.standIns.includes(operation))
      .map((manager) => medianOf(results, operation, manager.name))
      .filter((value) => !Number.isNaN(value));
    const ratio = peers.length > 0 ? (own / Math.min(...peers)).toFixed(2) : '-';
    const shown = managers.map((manager) => {
      const value = medianOf(results, operation, manager.name);
      if (Number.isNaN(value)) return '-';
      return manager.standIns.includes(operation) ? `(${value.toFixed(1)})` : value.toFixed(1);
    });
    console.log([operation, ...shown, ratio].map(cell).join(''));
  }
}

function cell(text: string, column: number): string {
  return column === 0 ? text.padEnd(32) : text.padStart(11);
}

function printBars(): boolean {
  console.log('\nbars');
  let met = true;
  for (const { what, measured, atMost } of bars(results)) {
    const ok = measured <= atMost; // false for NaN: not measured is not met
    met &&= ok;
    console.log(
      `  ${ok ? 'met   ' : 'MISSED'} ${what}: ${measured.toFixed(1)}, at most ${atMost.toFixed(1)}`,
    );
  }
  return met;
}
