// Compares answers with the result schemas of Ethereum's OpenRPC document (in the vectors' rpc-compat archive).
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv, ValidateFunction } from "ajv";
import { Exchange, Recorder } from "./recorder.js";

const unpacked = process.env.CAIRN_VECTORS_UNPACKED ?? fileURLToPath(new URL("../../../build/vectors", import.meta.url));
const path = `${unpacked}/rpc-compat/openrpc.json`;

/** Methods that clients use and the document lacks, with the shape that they must have. */
const quantity = { type: "string", pattern: "^0x(0|[1-9a-f][0-9a-f]*)$" };
const extra: Record<string, object> = {
    eth_subscribe: { type: "string", pattern: "^0x[0-9a-f]+$" },
    eth_unsubscribe: { type: "boolean" },
    eth_sendRawTransactionSync: { type: "object" },
    web3_clientVersion: { type: "string" },
    web3_sha3: { type: "string", pattern: "^0x[0-9a-f]{64}$" },
    net_listening: { type: "boolean" },
    net_peerCount: quantity,
    debug_traceCall: { type: "object" },
    cairn_getProofBundle: {},
    hardhat_metadata: { not: {} },
    anvil_nodeInfo: { not: {} },
};

const error = {
    type: "object",
    required: ["code", "message"],
    properties: { code: { type: "integer" }, message: { type: "string", minLength: 1 }, data: {} },
    additionalProperties: false,
};

/** The document says oneOf where several forms can fit the same answer, as an empty list of logs does. */
function anyOf(schema: any): any {
    if (Array.isArray(schema)) return schema.map(anyOf);
    if (schema === null || typeof schema !== "object") return schema;
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key === "oneOf" ? "anyOf" : key, anyOf(value)]));
}

/** The document has no form for a transaction that waits; geth gives it null for all that a block would tell. */
function asMined(transaction: any): any {
    const place = ["blockHash", "blockNumber", "blockTimestamp", "transactionIndex"];
    if (!transaction || !place.every((key) => transaction[key] === null)) return transaction;
    return { ...transaction, blockHash: "0x" + "00".repeat(32), blockNumber: "0x0", blockTimestamp: "0x0", transactionIndex: "0x0" };
}

let cache: { check: (exchange: Exchange) => string | undefined; header: ValidateFunction; log: ValidateFunction } | undefined;

function load() {
    if (cache) return cache;
    if (!existsSync(path)) throw new Error(`${path} is missing: run tests/unpack_vectors.sh`);
    const document = JSON.parse(readFileSync(path, "utf8"));
    const ajv = new Ajv({ strict: false, allErrors: false });
    const schemas = new Map<string, object>(Object.entries(extra));
    for (const method of document.methods) schemas.set(method.name, anyOf(method.result.schema));
    const compiled = new Map<string, ValidateFunction>();
    const validator = (method: string) => {
        const schema = schemas.get(method);
        if (schema && !compiled.has(method)) compiled.set(method, ajv.compile(schema));
        return compiled.get(method);
    };
    const isError = ajv.compile(error);
    const check = ({ method, params, answer }: Exchange): string | undefined => {
        const where = `${method}(${JSON.stringify(params)}) -> ${JSON.stringify(answer).slice(0, 600)}`;
        if (answer.jsonrpc !== "2.0") return `${where}: jsonrpc is not 2.0`;
        if ("result" in answer === "error" in answer) return `${where}: neither or both of result and error`;
        if ("error" in answer) return isError(answer.error) ? undefined : `${where}: ${ajv.errorsText(isError.errors)}`;
        const validate = validator(method);
        if (!validate) return `${where}: the document has no such method`;
        const result = method === "eth_getTransactionByHash" ? asMined(answer.result) : answer.result;
        return validate(result) ? undefined : `${where}: ${ajv.errorsText(validate.errors)}`;
    };
    const logs = schemas.get("eth_getLogs") as any;
    const logArray = logs.anyOf.find((s: any) => s.items?.required?.includes("topics") || s.items?.properties?.topics);
    const header = ajv.compile({
        type: "object",
        required: ["number", "hash", "parentHash", "timestamp", "gasLimit", "gasUsed", "miner", "extraData", "logsBloom",
                   "stateRoot", "transactionsRoot", "receiptsRoot", "difficulty", "nonce", "sha3Uncles", "mixHash"],
        properties: { number: quantity, timestamp: quantity, gasUsed: quantity, transactions: { not: {} } },
    });
    cache = { check, header, log: ajv.compile(logArray.items) };
    return cache;
}

/** One line for each method whose answers or notifications are not as the document says. */
export function violations(recorder: Recorder): string[] {
    const { check, header, log } = load();
    const found = new Set<string>();
    const seen = new Set<string>();
    for (const exchange of recorder.exchanges) {
        const problem = check(exchange);
        if (problem && !seen.has(exchange.method)) found.add(problem);
        if (problem) seen.add(exchange.method);
    }
    for (const notification of recorder.notifications) {
        const result = notification.params?.result;
        const validate = result?.topics ? log : result?.parentHash ? header : undefined;
        if (validate && !validate(result)) found.add(`${JSON.stringify(notification)}: ${JSON.stringify(validate.errors)}`);
    }
    return [...found];
}
