/** One line of `tsct check`. */
export interface CheckLine {
  readonly area:
    | 'privileges'
    | 'kernel'
    | 'cgroups'
    | 'storage'
    | 'ids'
    | 'limits'
    | 'network'
    | 'tools'
    | 'security';
  readonly name: string;
  /** missing: not there; limited: there, or not needed by all, but something will not work or not for many. */
  readonly status: 'ok' | 'limited' | 'missing';
  /** Whether containers can run at all without it. */
  readonly required: boolean;
  /** What is so, in words; when it is not ok, what that costs. */
  readonly found: string;
  /** The command that mends it, or what to do where no command can. Absent when it is ok. */
  readonly fix?: string;
}

export function okLine(area: CheckLine['area'], name: string, found: string, required = false): CheckLine {
  return { area, name, status: 'ok', required, found };
}

/** A line for something that is not as it should be: missing if containers cannot run so, else limited. */
export function badLine(
  area: CheckLine['area'],
  name: string,
  { required, found, fix }: { required: boolean; found: string; fix: string },
): CheckLine {
  return { area, name, status: required ? 'missing' : 'limited', required, found, fix };
}
