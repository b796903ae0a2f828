import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';

const DIR = fileURLToPath(new URL('../../vendor/oci-runtime-spec/', import.meta.url));

/** Validator of the vendored schema. It is draft-04, of which it uses nothing that later drafts changed. */
export function ociErrors(plan: unknown): readonly string[] {
  compiled ??= compile();
  const validate = compiled;
  if (validate(plan)) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

let compiled: ReturnType<typeof compile> | undefined;

function compile() {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  for (const file of readdirSync(DIR).filter((name) => name.endsWith('.json'))) {
    const { $schema: _, ...schema } = JSON.parse(readFileSync(`${DIR}${file}`, 'utf8'));
    ajv.addSchema(schema, file);
  }
  return ajv.getSchema('config-schema.json') ?? ajv.compile(false);
}
