#!/usr/bin/env node
// Writes oclif.manifest.json, what commands there are, and then the bundle that has their code.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const plugin = new Plugin({ ignoreManifest: true, respectNoCacheDefault: true, root, type: 'core' });
await plugin.load();
writeFileSync(`${root}oclif.manifest.json`, `${JSON.stringify(plugin.manifest, null, 1)}\n`);
await import('./bundle.js');
