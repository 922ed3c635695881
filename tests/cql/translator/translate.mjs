// Translates CQL to ELM: reads {"libraries": {name: text}, "cases": [{key, text}]} on standard input and
// writes {key: {elm} | {errors}} on standard output. Run by translate.py, which installs the packages below.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const answer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr); // the translator logs: standard output is the answer's
const [modelFolder, packages] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(join(packages, "package.json"));
const cqf = join(packages, "node_modules", "@cqframework", "cql");
const { CqlCompilerOptions, CqlTranslator, LibraryBuilder, LibraryManager, ModelManager, createLibrarySourceProvider,
  createModelInfoProvider, createUcumService, stringAsSource } = await import(pathToFileURL(join(cqf, "cql-to-elm.mjs")));
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();

const file = (name) => stringAsSource(readFileSync(join(modelFolder, name), "utf8"));
const models = { System: "system-modelinfo.xml", FHIR: "fhir-modelinfo-4.0.1.xml" };
const unitService = createUcumService(
  (value, from, to) => String(ucum.convertUnitTo(from, Number(value), to).toVal),
  (unit) => (ucum.validateUnitString(unit).status === "valid" ? null : `not a UCUM unit: ${unit}`),
  () => { throw new Error("the translator does not multiply"); },
  () => { throw new Error("the translator does not divide"); },
);

const { libraries, cases } = JSON.parse(readFileSync(0, "utf8"));
const modelManager = new ModelManager();
modelManager.modelInfoLoader.registerModelInfoProvider(
  createModelInfoProvider((name) => (models[name] ? file(models[name]) : null)));

function managerFor() {
  const options = new CqlCompilerOptions();
  const manager = new LibraryManager(modelManager, options, undefined, unitService);
  manager.librarySourceLoader.registerProvider(
    createLibrarySourceProvider((name) => (libraries[name] ? stringAsSource(libraries[name]) : null)));
  return manager;
}

const out = {};
for (const { key, text } of cases) {
  try {
    const translator = CqlTranslator.fromText(text, managerFor());
    const errors = translator.errors.asJsReadonlyArrayView().map((error) => {
      const at = error.locator;
      return (at ? `${at.startLine}:${at.startChar} ` : "") + error.message;
    });
    out[key] = errors.length ? { errors } : { elm: JSON.parse(translator.toJson()) };
  } catch (error) {
    out[key] = { errors: [String(error.message ?? error)] };
  }
}
answer(JSON.stringify(out));
