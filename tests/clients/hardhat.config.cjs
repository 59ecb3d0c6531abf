// Hardhat 2 with the compiler of the solc package instead of a download, and the network under test.
const { subtask } = require("hardhat/config");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");
const { readFileSync } = require("node:fs");

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
    compilerPath: require.resolve("solc/soljson.js"),
    isSolcJs: true,
    version: "0.8.37",
    longVersion: require("solc").version().replace(".Emscripten.clang", ""),
}));

const network = JSON.parse(readFileSync(process.env.CLIENTS_NETWORK, "utf8"));
const rpc = process.env.CLIENTS_RPC ?? network.nodes[0].rpc;

module.exports = {
    solidity: { version: "0.8.37", settings: { optimizer: { enabled: true }, evmVersion: "osaka" } },
    paths: { sources: "./contracts", cache: "./build/hardhat-cache", artifacts: "./build/hardhat" },
    defaultNetwork: "undertest",
    networks: { undertest: { url: rpc, accounts: [network.accounts[3 % network.accounts.length].private_key] } },
};
