// Prints the TypeScript types of the bundle, whose file is the argument.
"use strict";
const { compileFromFile } = require("json-schema-to-typescript");

const options = {
  additionalProperties: false,
  bannerComment: "",
  format: true,
  strictIndexSignatures: true,
  style: { printWidth: 100 },
};
compileFromFile(process.argv[2], options).then((types) => process.stdout.write(types));
