// Prints whether each text matches its pattern, as JSON Schema asks it of a regular expression.
// The argument is a list of pairs as JSON.
"use strict";
const pairs = JSON.parse(process.argv[2]);
process.stdout.write(JSON.stringify(pairs.map(([pattern, text]) => new RegExp(pattern, "u").test(text))));
