import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askStatus, command, followEvents } from '../../../src/supervisor/client.js';

let dir = '';
let server: Server;
const socketPath = () => join(dir, 'control');

/** A supervisor that exits before it has read what it was sent: unix(7), the kernel resets the connection. */
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tsct-client-'));
  server = createServer({ pauseOnConnect: true }, (socket) => setTimeout(() => socket.destroy(), 30));
  await new Promise<void>((done) => server.listen(socketPath(), done));
});
afterEach(async () => {
  await new Promise((done) => server.close(done));
  rmSync(dir, { recursive: true });
});

describe('a supervisor that exits while it is asked', () => {
  it('is dead, and no error', async () => {
    expect(await askStatus(socketPath())).toEqual({ is: 'dead' });
  });

  it('has not done what it was told', async () => {
    expect(await command(socketPath(), 'web', 'halt')).toBe(false);
  });

  it('has no more events', async () => {
    const events: unknown[] = [];
    for await (const event of followEvents(socketPath())) events.push(event);
    expect(events).toEqual([]);
  });
});

describe('a signal', () => {
  it('ends the following of events that do not come', async () => {
    const silent = createServer(() => {});
    const path = join(dir, 'silent');
    await new Promise<void>((done) => silent.listen(path, done));
    for await (const _ of followEvents(path, AbortSignal.timeout(50))) expect.unreachable();
    silent.close();
  });
});
