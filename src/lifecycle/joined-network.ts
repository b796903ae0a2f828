import { existsSync, readFileSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';
import { configError } from '../definition/config-error.js';
import type { ContainerDefinition } from '../definition/schema.js';
import { RESOLV_CONF } from '../plan/files.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import type { Context } from './context.js';
import { observe } from './observe.js';

/**
 * What resolv.conf(5) says where a container is to be: of another container what tsct wrote for it, of a named namespace
 * what ip-netns(8) shows there; undefined: what the host's does.
 * @param planOf that the run of another container was started with.
 */
export async function readJoinedResolvConf(
  { network: { namespace } }: ContainerDefinition,
  planOf: (container: string) => Promise<LaunchPlan | undefined>,
): Promise<string | undefined> {
  if (namespace.whose === 'container') {
    const plan = await planOf(namespace.name);
    const written = plan?.tsct.files.find(({ op, path }) => op === 'write' && path === RESOLV_CONF);
    return written?.op === 'write' ? written.content : undefined;
  }
  if (namespace.whose !== 'file' || namespace.name === undefined) return undefined;
  const own = `/etc/netns/${namespace.name}/resolv.conf`;
  return existsSync(own) ? readFileSync(own, 'utf8') : undefined;
}

/** @throws TSCT_NOT_RUNNING (exit 4) if the container whose network it is to be in does not run. */
export async function needJoined(
  ctx: Context,
  name: string,
  { network: { namespace }, origins }: ContainerDefinition,
): Promise<void> {
  if (namespace.whose !== 'container') return;
  const place = origins.get('Network.Namespace')?.at(-1);
  if (namespace.name === name && place) {
    throw configError(
      'TSCT_CONFIG_VALUE',
      place,
      `Namespace=: ${name} cannot be in its own network by name`,
      {
        hint: 'take Namespace= out',
      },
    );
  }
  ctx.store.need(namespace.name);
  if ((await observe(ctx, namespace.name)).status) return;
  throw new TsctError(
    'TSCT_NOT_RUNNING',
    `cannot start ${name}: it is to be in the network of ${namespace.name}, which does not run`,
    {
      exitCode: ExitCode.WrongState,
      hint: `start that first: tsct start ${namespace.name}; at boot, Start.After=${namespace.name} has it so`,
    },
  );
}
