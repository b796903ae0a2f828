import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { findProgram } from '../host/tool-checks.js';

/** Where Debian has them, for a PATH of somebody who is not root. */
const SYSTEM_PATH = '/usr/sbin:/sbin:/usr/local/sbin';

/** @throws TSCT_PROGRAM_MISSING (exit 5). */
export function needNetworkPrograms(): { readonly nft: HostPath; readonly dnsmasq: HostPath } {
  return { nft: need('nft', 'nftables'), dnsmasq: need('dnsmasq', 'dnsmasq-base') };
}

function need(program: string, debianPackage: string): HostPath {
  const found = findProgram(program, `${process.env['PATH'] ?? ''}:${SYSTEM_PATH}`);
  if (found !== undefined) return found;
  throw new TsctError('TSCT_PROGRAM_MISSING', `cannot connect the container: ${program} is not installed`, {
    exitCode: ExitCode.HostLacks,
    hint: `apt-get install ${debianPackage}; or do without a network: tsct config set NAME Network.Private=yes`,
  });
}
