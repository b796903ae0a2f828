#!/usr/bin/env node
import module from 'node:module';

// Node 22.1+ keeps compiled code between runs; older ones do not know the call.
module.enableCompileCache?.();
const { main } = await import('../dist/cli/main.js');
await main();
