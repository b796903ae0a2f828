#!/usr/bin/env node
// Writes oclif.manifest.json: with it the command line loads the one command that is asked for, not all of them.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const plugin = new Plugin({ ignoreManifest: true, respectNoCacheDefault: true, root, type: 'core' });
await plugin.load();
writeFileSync(`${root}oclif.manifest.json`, `${JSON.stringify(plugin.manifest, null, 1)}\n`);
