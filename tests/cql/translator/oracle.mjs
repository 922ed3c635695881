// Runs ELM with the JavaScript engine: reads {"libraries": [elm], "name", "record", "valueSets", "now"} on standard
// input and writes {define: value} on standard output, values as tests/cql/told.py tells them. Run by oracle.py.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const cql = require("cql-execution");
const fhir = require("cql-exec-fhir");

const { libraries, name, record, valueSets, now } = JSON.parse(readFileSync(0, "utf8"));
const elms = Object.fromEntries(libraries.map((elm) => [elm.library.identifier.id, elm]));
const codes = {};
for (const set of valueSets) {
  const listed = set.expansion?.contains ?? set.compose.include.flatMap(
    (part) => part.concept.map((concept) => ({ system: part.system, ...concept })));
  codes[set.url] = { [set.version]: listed };
}

function told(value) {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map(told);
  if (typeof value === "number") return Number(value.toFixed(8));
  if (typeof value !== "object") return value;
  if (value.isDateTime || value.isDate) return { moment: value.toString() };
  if (value.isTime?.()) return { moment: value.toString() };
  if (value.isQuantity) return { value: value.value, unit: value.unit ?? "1" };
  if (value.isRatio) return { numerator: told(value.numerator), denominator: told(value.denominator) };
  if (value.isConcept) return { codes: value.codes.map(told), display: value.display ?? null };
  if (value.isCode) return { code: value.code, system: value.system ?? null, display: value.display ?? null };
  if (value.isInterval) return { low: told(value.low), high: told(value.high), closed: [value.lowClosed, value.highClosed] };
  if (value.isUncertainty) return { between: [value.low, value.high] };
  if (value._json !== undefined) {
    const parts = Object.keys(value._json);
    const primitive = parts.every((part) => ["value", "id", "extension"].includes(part)) && parts.includes("value");
    if (primitive && !/Quantity|Age|Duration|Identifier|ContactPoint|Extension/.test(value._typeInfo.name)) {
      return told(value.value);
    }
    return "resourceType" in value._json ? { resource: value._json.id } : { fhir: value._json };
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, told(part)]));
}

const repository = new cql.Repository(elms);
const library = repository.resolve(name, "1.0.0");
const source = fhir.PatientSource.FHIRv401();
const moment = cql.DateTime.parse(now);
const out = {};
for (const define of Object.keys(library.expressions)) {
  source.reset();
  source.loadBundles([record]);
  const executor = new cql.Executor(library, new cql.CodeService(codes), {});
  try {
    const results = await executor.exec_expression(define, source, moment);
    const [patient] = Object.values(results.patientResults);
    out[define] = { value: told(patient[define]) };
  } catch (error) {
    out[define] = { error: String(error.message).slice(0, 200) };
  }
}
process.stdout.write(JSON.stringify(out));
