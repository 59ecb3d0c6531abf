// Compiles contracts/*.sol, and the system contracts' interfaces, with the compiler of the solc package (no download) into
// build/artifacts.json: name -> {abi, bytecode}.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { contractsFolder, interfaceAbi, interfaceNames } from "./interface_lines.js";

const solc = createRequire(import.meta.url)("solc");
const here = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const sources: Record<string, { content: string }> = {};
for (const name of readdirSync(here("contracts")).filter((file) => file.endsWith(".sol")))
    sources[name] = { content: readFileSync(here(`contracts/${name}`), "utf8") };

const input = {
    language: "Solidity",
    sources,
    settings: {
        optimizer: { enabled: true, runs: 200 },
        outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
};
const imports = (path: string) => ({ contents: readFileSync(here(`node_modules/${path}`), "utf8") });
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: imports }));
const problems = (output.errors ?? []).filter((error: any) => error.severity === "error");
if (problems.length) throw new Error(problems.map((error: any) => error.formattedMessage).join("\n"));

const artifacts: Record<string, { abi: unknown; bytecode: string }> = {};
for (const file of Object.keys(sources))
    for (const [name, contract] of Object.entries<any>(output.contracts[file]))
        artifacts[name] = { abi: contract.abi, bytecode: "0x" + contract.evm.bytecode.object };
for (const name of interfaceNames) artifacts[name] = { abi: interfaceAbi(name), bytecode: "0x" };
mkdirSync(here("build"), { recursive: true });
writeFileSync(here("build/artifacts.json"), JSON.stringify(artifacts, null, 1));
console.log(`compiled ${Object.keys(artifacts).length} contracts from ${contractsFolder} and here`);
