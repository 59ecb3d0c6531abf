// The interfaces of contracts/*.sol in the form of contracts/interfaces.txt, from what solc makes of them.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { id } from "ethers";

const solc = createRequire(import.meta.url)("solc");
export const contractsFolder = fileURLToPath(new URL("../../../contracts/", import.meta.url));
export const interfaceNames = [
    "IAnchors", "IIdentities", "IKeys", "IMembers", "IParameters", "IProposals", "IRecords", "IRoles",
];

type Parameter = { type: string; indexed?: boolean; components?: Parameter[] };
type Entry = {
    type: "function" | "event" | "error";
    name: string;
    inputs: Parameter[];
    outputs?: Parameter[];
    stateMutability?: string;
};

function canonical(parameter: Parameter): string {
    if (!parameter.type.startsWith("tuple")) return parameter.type;
    return list(parameter.components ?? []) + parameter.type.slice("tuple".length);
}

function list(parameters: Parameter[]): string {
    return "(" + parameters.map(canonical).join(",") + ")";
}

function line(contract: string, entry: Entry): string {
    const signature = entry.name + list(entry.inputs);
    const selector = id(signature).slice(0, 10);
    if (entry.type === "error") return `${contract} error ${signature} ${selector}`;
    if (entry.type === "event") {
        const indexed = list(entry.inputs.filter((input) => input.indexed));
        const data = list(entry.inputs.filter((input) => !input.indexed));
        return `${contract} event ${entry.name} indexed ${indexed} data ${data} ${id(signature)}`;
    }
    const access = entry.stateMutability === "view" ? " view" : "";
    return `${contract} function ${signature}${access} returns ${list(entry.outputs ?? [])} ${selector}`;
}

export function interfaceAbi(name: string): Entry[] {
    const sources = { [`${name}.sol`]: { content: readFileSync(`${contractsFolder}${name}.sol`, "utf8") } };
    const settings = { outputSelection: { "*": { "*": ["abi"] } } };
    const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
    if (output.errors?.length) throw new Error(output.errors.map((e: any) => e.formattedMessage).join("\n"));
    return output.contracts[`${name}.sol`][name].abi;
}

/** Sorted as bytes, as the C++ side sorts. */
export function interfaceLines(): string[] {
    const lines = interfaceNames.flatMap((name) => interfaceAbi(name).map((entry) => line(name, entry)));
    return lines.sort((a, b) => (a < b ? -1 : 1));
}
