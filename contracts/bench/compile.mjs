// Writes src/cli/load_token.cpp from LoadToken.sol. Needs the packages of tests/clients (npm ci there).
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const root = new URL('../../', import.meta.url);
const solc = createRequire(new URL('tests/clients/package.json', root))('solc');
const source = readFileSync(new URL('LoadToken.sol', import.meta.url), 'utf8');
const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources: { 'LoadToken.sol': { content: source } },
    settings: { optimizer: { enabled: true, runs: 200 }, evmVersion: 'osaka',
                metadata: { bytecodeHash: 'none', appendCBOR: false },
                outputSelection: { '*': { '*': ['evm.bytecode.object'] } } },
})));
const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
if (errors.length) throw new Error(errors.map((error) => error.formattedMessage).join('\n'));
const hex = output.contracts['LoadToken.sol'].LoadToken.evm.bytecode.object;
const lines = hex.match(/.{1,100}/g).map((line) => `    "${line}"`).join('\n');
writeFileSync(new URL('src/cli/load_token.cpp', root), `// Written by contracts/bench/compile.mjs with solc ${solc.version().split('+')[0]}; do not edit.
#include "cli/load_token.hpp"

namespace cairn::cli {

Bytes load_token_bytecode() {
    static constexpr std::string_view kHex =
    "0x"
${lines};
    return from_hex(kHex).value();
}

} // namespace cairn::cli
`);
