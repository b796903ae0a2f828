import { ExitCode, TsctError } from './errors.js';

/** What `NAME` or `NAME@SNAP` stands for. */
export interface Address {
  readonly name: string;
  readonly snapshot?: string;
}

/** Takes an address apart; whether the names are good is for whoever looks them up. */
export function parseAddress(text: string): Address {
  const at = text.indexOf('@');
  return at < 0 ? { name: text } : { name: text.slice(0, at), snapshot: text.slice(at + 1) };
}

/** NAME@SNAP taken apart. @throws TSCT_USAGE (exit 2). */
export function parseSnapshotAddress(text: string): Required<Address> {
  const { name, snapshot } = parseAddress(text);
  if (snapshot !== undefined) return { name, snapshot };
  throw new TsctError('TSCT_USAGE', `${JSON.stringify(text)} names no snapshot`, {
    exitCode: ExitCode.Usage,
    hint: `snapshots are called NAME@SNAP; see: tsct snapshot list ${text}`,
  });
}
