import { badValue } from '../base/units.js';
import { parsePath } from './values.js';

/** LoadCredential=ID:PATH and SetCredential=ID:VALUE. */
export interface CredentialValue {
  readonly id: string;
  readonly value: string;
}

function parseCredential(text: string): CredentialValue {
  const colon = text.indexOf(':');
  const id = text.slice(0, Math.max(colon, 0));
  if (!/^[a-zA-Z0-9_][a-zA-Z0-9_.@-]{0,254}$/.test(id)) throw badValue(`"${text}" does not begin with ID:`);
  return { id, value: text.slice(colon + 1) };
}

export function parseSetCredential(text: string): readonly CredentialValue[] {
  const { id, value } = parseCredential(text);
  return [{ id, value: value.replace(/\\(n|t|\\)/g, (_, c: string) => ({ n: '\n', t: '\t' })[c] ?? '\\') }];
}

export function parseLoadCredential(text: string): readonly CredentialValue[] {
  const { id, value } = parseCredential(text);
  return [{ id, value: parsePath(value) }];
}
