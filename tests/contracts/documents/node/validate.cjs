// Prints what Ajv, in its strict mode, says about each schema and example in the folder of the
// exported contracts: a list of problems as JSON.
"use strict";
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const Ajv = require("ajv/dist/2020");
const addFormats = require("ajv-formats");

const exported = process.argv[2];
const read = (...path) => JSON.parse(readFileSync(join(exported, ...path), "utf-8"));

const ajv = new Ajv({ strict: true, allErrors: true });
addFormats(ajv);
const bundle = read("schemas.json");
ajv.addSchema(bundle);
ajv.compile({ $ref: bundle.$id });

const problems = [];
for (const file of readdirSync(join(exported, "schemas"))) {
  ajv.compile(read("schemas", file));
}
for (const file of readdirSync(join(exported, "examples"))) {
  const example = read("examples", file);
  const schema = read("schemas", `${example.type}.json`);
  const validators = {
    single: schema.$id,
    bundle: bundle.$id,
    definition: `${bundle.$id}#/$defs/${schema.title}`,
  };
  for (const [name, id] of Object.entries(validators)) {
    const validate = ajv.getSchema(id);
    if (!validate(example)) problems.push({ file, name, errors: validate.errors });
  }
}
process.stdout.write(JSON.stringify(problems));
