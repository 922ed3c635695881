// Times the JavaScript engine on the libraries, record and defines that bench/cql.py hands it on standard input.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const cql = require("cql-execution");
const fhir = require("cql-exec-fhir");
const { libraries, record, valueSets, now, form } = JSON.parse(readFileSync(0, "utf8"));
const codes = {};
for (const set of valueSets) {
  const listed = set.expansion?.contains ?? set.compose.include.flatMap(
    (part) => part.concept.map((concept) => ({ system: part.system, ...concept })));
  codes[set.url] = { [set.version]: listed };
}
const elms = Object.fromEntries(libraries.map((elm) => [elm.library.identifier.id, elm]));
const story = elms.Story.library.statements;
story.def = story.def.filter((one) => one.type === "FunctionDef" || form.includes(one.name) || isUsed(one.name));

function isUsed(name) {
  return name === "Patient" || JSON.stringify(elms.Story).includes(`"name":"${name}","type":"ExpressionRef"`);
}

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
const library = new cql.Repository(elms).resolve("Story", "1.0.0");
const executor = new cql.Executor(library, new cql.CodeService(codes), {});
const moment = cql.DateTime.parse(now);
const loads = [], runs = [];
for (let round = 0; round < 15; round++) {
  const began = performance.now();
  const source = fhir.PatientSource.FHIRv401();
  source.loadBundles([record]);
  const loaded = performance.now();
  await executor.exec(source, moment);
  loads.push(loaded - began);
  runs.push(performance.now() - loaded);
}
process.stdout.write(JSON.stringify({ load: median(loads), run: median(runs) }));
