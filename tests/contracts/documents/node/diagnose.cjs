// Prints what the official parser says about the AsyncAPI document, whose file is the argument: a
// list of diagnostics of every severity, as JSON.
"use strict";
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

new Parser().parse(readFileSync(process.argv[2], "utf-8")).then(({ document, diagnostics }) => {
  const found = diagnostics.map(({ code, message, path }) => ({ code, message, path }));
  process.stdout.write(JSON.stringify({ diagnostics: found, parsed: document !== undefined }));
});
