import { accessSync, constants, statSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';
import type { ContainerDefinition } from '../definition/schema.js';
import { probeHost } from '../host/probe-host.js';
import type { LimitPlan } from '../plan/launch-plan.js';
import { buildLimits } from '../plan/limits.js';

/**
 * What [Resources] asks for and this host cannot do is refused when it is set, and not only at the start.
 * @throws TSCT_LIMIT_REFUSED, TSCT_HOOK_MISSING (exit 5)
 */
export function checkLimits(definition: ContainerDefinition): readonly LimitPlan[] {
  const isSet = Object.values(definition.resources).some((value) =>
    Array.isArray(value) ? value.length > 0 : value !== undefined,
  );
  checkHook(definition);
  return isSet ? buildLimits(definition, probeHost()) : [];
}

/**
 * A hook that is not there would be missed only when memory has run out.
 * @throws TSCT_HOOK_MISSING (exit 5), with the config's file and line.
 */
export function checkHook({ resources: { oomHook }, origins }: ContainerDefinition): void {
  if (oomHook === undefined) return;
  const place = origins.get('Resources.OOMHook')?.[0];
  const wrong = (why: string) =>
    new TsctError('TSCT_HOOK_MISSING', `${place?.file}:${place?.line}: OOMHook=: ${oomHook} ${why}`, {
      exitCode: ExitCode.HostLacks,
      hint: 'put a program there that root may run (chmod +x); or: tsct config unset NAME Resources.OOMHook',
    });
  const found = statSync(oomHook, { throwIfNoEntry: false });
  if (!found) throw wrong('is not there');
  if (!found.isFile()) throw wrong('is no program');
  try {
    accessSync(oomHook, constants.X_OK);
  } catch {
    throw wrong('is not executable');
  }
}
