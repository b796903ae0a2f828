import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '@oclif/core/command';
import { Plugin } from '@oclif/core/config';

/** A command's module, by the command's id (`config:set`). */
export type CommandModules = Readonly<Record<string, () => Promise<{ readonly default: Command.Class }>>>;

/**
 * tsct as oclif sees it. What commands there are stands in oclif.manifest.json and where their code is is known, so
 * nothing is searched. Oclif's own loading waits for four files one after the other and sorts by a collation whose
 * loading alone takes 12 ms.
 */
export class BuiltInPlugin extends Plugin {
  private readonly modules: CommandModules;

  /** @param root where package.json and oclif.manifest.json are. */
  constructor(root: string, modules: CommandModules) {
    super({ root, isRoot: true });
    this.modules = modules;
    this.root = root;
    this.pjson = readJson(root, 'package.json') as Plugin['pjson'];
    this.name = this.pjson.name;
    this.alias = this.name;
    this.version = this.pjson.version;
    this.type = 'core';
    this.isRoot = true;
    this.valid = true;
    this.hooks = {};
    this.manifest = readJson(root, 'oclif.manifest.json') as Plugin['manifest'];
    this.hasManifest = true;
    this.commandIDs = Object.keys(this.manifest.commands);
    this.commands = Object.values(this.manifest.commands).map((cached) => ({
      ...cached,
      pluginAlias: this.alias,
      pluginType: this.type,
      load: () => this.findCommand(cached.id, { must: true }),
    }));
  }

  override findCommand(id: string, opts: { must: true }): Promise<Command.Class>;
  override findCommand(id: string, opts?: { must: boolean }): Promise<Command.Class | undefined>;
  override async findCommand(id: string): Promise<Command.Class | undefined> {
    const module = await this.modules[id]?.();
    if (!module) return undefined;
    const command = module.default;
    command.id = id;
    command.plugin = this;
    return command;
  }
}

function readJson(root: string, name: string): unknown {
  return JSON.parse(readFileSync(join(root, name), 'utf8'));
}
