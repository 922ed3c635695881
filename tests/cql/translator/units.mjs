// Tells what each UCUM unit is worth in base units: reads [code] on standard input, writes {code: [magnitude, dims]}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();
const out = {};
for (const code of JSON.parse(readFileSync(0, "utf8"))) {
  const { unit } = ucum.getSpecifiedUnit(code, "validate");
  out[code] = unit ? [unit.magnitude_, unit.dim_?.dimVec_ ?? null] : null;
}
process.stdout.write(JSON.stringify(out));
