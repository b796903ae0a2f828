import { ExitCode, TsctError } from '../base/errors.js';
import { editText, removeValues } from '../definition/edit.js';
import { loadDefinition, loadTexts } from '../definition/load.js';
import { type PortRule, parsePort } from '../definition/network-values.js';
import { parseDefinition } from '../definition/parse.js';
import type { ContainerDefinition, InterfaceDefinition } from '../definition/schema.js';
import { type ChangeResult, changeConfig } from './change-config.js';
import type { Context } from './context.js';
import { readCompiled } from './kept-plan.js';
import { observe } from './observe.js';

/** A port of the host, or a range, that leads to a container. */
export interface PublishedPort {
  readonly interface: string;
  /** Of the host; null: all of them. */
  readonly address: string | null;
  readonly host: number;
  /** The last of the range. */
  readonly end: number;
  readonly container: number;
  readonly protocol: 'tcp' | 'udp';
  /** All of it is bound on the host at this moment. */
  readonly published: boolean;
  /**
   * bound; partly: not all of a range, or of its addresses; unbound: the run is to have it, but tsct-ports is being
   * started again, or another program has it; off: the run, if there is one, is not to have it.
   */
  readonly state: 'bound' | 'partly' | 'unbound' | 'off';
}

export interface PortOptions {
  /** Absent: the first that is on a network of tsct. */
  readonly interface?: string;
}

/** Publishes ports, at once where the container runs. @throws TSCT_PORT_TAKEN (exit 4), TSCT_USAGE (exit 2). */
export async function addPorts(
  ctx: Context,
  name: string,
  ports: readonly string[],
  options: PortOptions,
): Promise<ChangeResult> {
  ports.forEach(readPort);
  const on = await chooseInterface(ctx, name, options);
  const target = { section: `Network ${on.name}`, key: 'Port' };
  const add = (text: string) => {
    const had = new Set(on.ports.map(portText));
    return ports
      .filter((port) => !had.has(portText(readPort(port))))
      .reduce((edited, value) => editText(edited, { ...target, op: 'append', value }, 'port'), text);
  };
  // Also where nothing is new: a port that another program had taken meanwhile is bound again at once.
  return changeConfig(ctx, name, { config: add, named: [`Network.${on.name}.Port`], isForced: true });
}

/** @throws TSCT_NO_PORT (exit 3) for one that is not published so. */
export async function removePorts(
  ctx: Context,
  name: string,
  ports: readonly string[],
  options: PortOptions,
): Promise<ChangeResult> {
  const wanted = new Set(ports.map((port) => portText(readPort(port))));
  const definition = await definitionOf(ctx, name);
  const on = definition.interfaces.filter((of) => (options.interface ?? of.name) === of.name);
  if (on.length === 0 && options.interface !== undefined) throw noInterface(name, options.interface);
  const isWanted = (value: string) =>
    value !== '' && parsePort(value).some((rule) => wanted.has(portText(rule)));
  const remove = (text: string) =>
    on.reduce(
      (edited, of) => removeValues(edited, { section: `Network ${of.name}`, key: 'Port' }, isWanted),
      text,
    );
  const has = on.filter((of) => of.ports.some((rule) => wanted.has(portText(rule))));
  for (const port of wanted) {
    if (!on.some((of) => of.ports.some((rule) => portText(rule) === port))) throw noPort(name, port, on);
  }
  await refuseDropIns(ctx, name, remove, wanted);
  const named = has.map((of) => `Network.${of.name}.Port`);
  return changeConfig(ctx, name, { config: remove, named, isForced: true });
}

/** Those of the config, and what of them is bound at this moment. */
export async function listPorts(ctx: Context, name: string): Promise<PublishedPort[]> {
  const { interfaces } = await definitionOf(ctx, name);
  const running = (await observe(ctx, name)).status !== undefined;
  const links = running ? ((await readCompiled(ctx, name))?.plan.tsct.network?.interfaces ?? []) : [];
  const wanted = new Set(
    links.flatMap((link) =>
      (link.ports ?? []).map(({ at, ...rule }) =>
        [link.name, at ?? '', rule.host, rule.count, rule.container, rule.protocol].join(),
      ),
    ),
  );
  const { readBindings } = await import('./bound-ports.js');
  const bindingOf = readBindings(ctx, name);
  return interfaces.flatMap((of) =>
    of.ports.map((rule) => {
      const { address, host, count, container, protocol } = rule;
      const has = wanted.has([of.name, address?.text ?? '', host, count, container, protocol].join());
      const state = has ? STATES[bindingOf(rule)] : 'off';
      return {
        interface: of.name,
        address: address?.text ?? null,
        host,
        end: host + count - 1,
        container,
        protocol,
        published: state === 'bound',
        state,
      };
    }),
  );
}

const STATES = { all: 'bound', some: 'partly', none: 'unbound' } as const;

/** `8080:80/tcp`, `[::1]:8080-8089:80/udp`. */
export function portText({ address, host, count, container, protocol }: PortRule): string {
  const at = address && (address.version === 6 ? `[${address.text}]:` : `${address.text}:`);
  const range = count === 1 ? host : `${host}-${host + count - 1}`;
  return `${at ?? ''}${range}:${container}/${protocol}`;
}

/** @throws TSCT_USAGE (exit 2). */
function readPort(text: string): PortRule {
  try {
    const [rule] = parsePort(text);
    if (rule) return rule;
  } catch (error) {
    throw new TsctError('TSCT_USAGE', error instanceof Error ? error.message : String(error), {
      exitCode: ExitCode.Usage,
      hint: 'for example 8080:80, 127.0.0.1:5300:53/udp, 9000-9009:9000',
    });
  }
  throw new TsctError('TSCT_USAGE', `"${text}" is not a port`, { exitCode: ExitCode.Usage });
}

async function definitionOf(ctx: Context, name: string): Promise<ContainerDefinition> {
  ctx.store.need(name);
  return loadDefinition(ctx.layout.containerDir(name));
}

async function chooseInterface(
  ctx: Context,
  name: string,
  { interface: wanted }: PortOptions,
): Promise<InterfaceDefinition> {
  const { interfaces } = await definitionOf(ctx, name);
  const on = interfaces.find((of) => (wanted === undefined ? of.bridge === undefined : of.name === wanted));
  if (on) return on;
  if (wanted !== undefined) throw noInterface(name, wanted);
  throw new TsctError(
    'TSCT_NO_INTERFACE',
    `cannot publish a port of ${name}: it has no interface on a network of tsct`,
    {
      exitCode: ExitCode.WrongState,
      hint: `give it one: tsct config set ${name} Network.eth0.Network=tsct0`,
    },
  );
}

function noInterface(name: string, wanted: string): TsctError {
  return new TsctError('TSCT_NO_INTERFACE', `${name} has no interface ${wanted}`, {
    exitCode: ExitCode.NotFound,
    hint: `see: tsct config show ${name}`,
  });
}

function noPort(name: string, port: string, on: readonly InterfaceDefinition[]): TsctError {
  const there = on.flatMap((of) => of.ports.map(portText));
  return new TsctError('TSCT_NO_PORT', `cannot take port ${port} from ${name}: it does not publish that`, {
    exitCode: ExitCode.NotFound,
    hint: there.length > 0 ? `it publishes ${there.join(', ')}` : 'it publishes none',
  });
}

/** @throws TSCT_NO_PORT (exit 3) for one that a file of config.d says: those are the admin's alone. */
async function refuseDropIns(
  ctx: Context,
  name: string,
  remove: (text: string) => string,
  wanted: ReadonlySet<string>,
): Promise<void> {
  const [config, ...dropIns] = await loadTexts(ctx.layout.containerDir(name));
  if (!config) return;
  const left = parseDefinition([{ ...config, text: remove(config.text) }, ...dropIns]);
  for (const of of left.interfaces) {
    const index = of.ports.findIndex((rule) => wanted.has(portText(rule)));
    const place = left.origins.get(`Network.${of.name}.Port`)?.[index];
    if (index < 0) continue;
    throw new TsctError(
      'TSCT_NO_PORT',
      `cannot take port ${place?.text} from ${name}: ${place?.file}:${place?.line} says it, not its config`,
      { exitCode: ExitCode.NotFound, hint: 'take it out there, then restart the container' },
    );
  }
}
