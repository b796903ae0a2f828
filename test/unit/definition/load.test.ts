import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDefinition, readCredentials, validateText } from '../../../src/definition/load.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsct-definition-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const write = (name: string, content: string | Buffer) => writeFileSync(join(dir, name), content);
const code = (name: string) => expect.objectContaining({ code: name, exitCode: 1 });

describe('loadDefinition', () => {
  it('takes config, then config.d/*.conf by name', async () => {
    write('config', '[Exec]\nHostname=a\n');
    mkdirSync(join(dir, 'config.d'));
    write('config.d/20.conf', '[Exec]\nHostname=c\n');
    write('config.d/10.conf', '[Exec]\nHostname=b\n');
    write('config.d/30.conf~', '[Exec]\nHostname=d\n');
    write('config.d/.40.conf', 'junk');
    expect((await loadDefinition(dir)).exec.hostname).toBe('c');
  });

  it('names the drop-in and line that is wrong', async () => {
    write('config', '');
    mkdirSync(join(dir, 'config.d'));
    write('config.d/x.conf', '[Exec]\nHostnam=c\n');
    await expect(loadDefinition(dir)).rejects.toThrow(`${dir}/config.d/x.conf:2: unknown key`);
  });

  it('refuses a missing file', async () => {
    await expect(loadDefinition(dir)).rejects.toThrow(code('TSCT_CONFIG_MISSING'));
  });

  it('refuses 10 MB by its size', async () => {
    write('config', Buffer.alloc(10_000_000, '#\n'));
    await expect(loadDefinition(dir)).rejects.toThrow(code('TSCT_CONFIG_TOO_LARGE'));
  });

  it('refuses binary junk and NUL bytes, with the line', async () => {
    write('config', Buffer.from([0x5b, 0xff, 0xfe, 0x0a]));
    await expect(loadDefinition(dir)).rejects.toThrow(code('TSCT_CONFIG_NOT_TEXT'));
    write('config', '[Exec]\nHostname=a\0\n');
    await expect(loadDefinition(dir)).rejects.toThrow('config:2: has a NUL byte in it');
  });

  it('refuses a directory, and a FIFO without waiting for its other end', async () => {
    mkdirSync(join(dir, 'config'));
    await expect(loadDefinition(dir)).rejects.toThrow(code('TSCT_CONFIG_UNREADABLE'));
    rmSync(join(dir, 'config'), { recursive: true });
    execFileSync('mkfifo', [join(dir, 'config')]);
    await expect(loadDefinition(dir)).rejects.toThrow(code('TSCT_CONFIG_UNREADABLE'));
  });
});

describe('readCredentials', () => {
  it('reads the files of LoadCredential=', async () => {
    write('secret', Buffer.from([0, 255]));
    const definition = validateText(`[Exec]\nLoadCredential=a.b:${dir}/secret\n`, 'config');
    expect(await readCredentials(definition)).toEqual({ 'a.b': 'AP8=' });
  });

  it("names the config's line for a file that cannot be read", async () => {
    const definition = validateText(`[Exec]\nLoadCredential=a:${dir}/nothing\n`, 'config');
    await expect(readCredentials(definition)).rejects.toThrow(/^config:2: LoadCredential=: .*nothing/);
  });
});
