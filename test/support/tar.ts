/** One entry of a tar as its author wants it, right or wrong (tar(5), pax(1)). */
export interface TarEntry {
  readonly name: string | Buffer;
  /** tar(5) typeflag: 0 file, 1 hard link, 2 symbolic link, 3 and 4 nodes, 5 directory, 6 fifo. */
  readonly type?: '0' | '1' | '2' | '3' | '4' | '5' | '6' | '9';
  readonly mode?: number;
  readonly uid?: number;
  readonly content?: string | Buffer;
  /** Target of a link. */
  readonly link?: string;
  /** Major and minor of a node. */
  readonly device?: readonly [number, number];
  /** Records of a pax header before it: path, SCHILY.xattr.NAME, SCHILY.acl.access... */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
}

const BLOCK = 512;

/** A tar of these entries with its end mark. Nothing is checked: hostile ones are what it is for. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(2 * BLOCK)]);
}

/** One entry alone, without an end mark. */
export function tarEntry(entry: TarEntry): Buffer {
  const content = Buffer.from(entry.content ?? '');
  const parts = entry.pax ? [paxHeader(entry.pax)] : [];
  parts.push(header(entry, content.length), padded(content));
  return Buffer.concat(parts);
}

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  Buffer.from(entry.name).subarray(0, 100).copy(block, 0);
  octal(block, 100, 8, entry.mode ?? (entry.type === '5' ? 0o755 : 0o644));
  octal(block, 108, 8, entry.uid ?? 0);
  octal(block, 116, 8, entry.uid ?? 0);
  octal(block, 124, 12, size);
  octal(block, 136, 12, 1_700_000_000);
  block.write('        ', 148);
  block.write(entry.type ?? '0', 156);
  block.write((entry.link ?? '').slice(0, 100), 157);
  block.write('ustar\u000000', 257);
  octal(block, 329, 8, entry.device?.[0] ?? 0);
  octal(block, 337, 8, entry.device?.[1] ?? 0);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function octal(block: Buffer, at: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at);
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** Records `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxHeader(records: Readonly<Record<string, string | Buffer>>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
    let length = rest.length;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  const content = Buffer.concat(lines);
  const block = header({ name: 'pax' }, content.length);
  block.write('x', 156);
  block.write('        ', 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([block, padded(content)]);
}
