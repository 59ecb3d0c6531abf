// Compiles contracts/examples/Token.sol with the local solc, deploys it and transfers, through one validator's JSON-RPC.
// Usage: token.mjs NETWORK.json ARTEFACT.json [transfer]
// With "transfer" it uses the token deployed before and talks to the second validator.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const require = createRequire(join(root, "tests", "clients", "package.json"));
const { ethers } = require("ethers");

const [networkFile, artefactFile, mode] = process.argv.slice(2);
const network = JSON.parse(readFileSync(networkFile, "utf8"));

function compile() {
  const solc = require("solc");
  const source = join(root, "contracts", "examples", "Token.sol");
  const input = {
    language: "Solidity",
    sources: { "Token.sol": { content: readFileSync(source, "utf8") } },
    settings: { optimizer: { enabled: true }, outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } } },
  };
  const findImport = (path) => ({ contents: readFileSync(require.resolve(path), "utf8") });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const errors = (output.errors ?? []).filter((e) => e.severity === "error");
  if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join("\n"));
  const { abi, evm } = output.contracts["Token.sol"].Token;
  return { abi, bytecode: "0x" + evm.bytecode.object };
}

const node = network.nodes[mode === "transfer" ? 1 : 0];
// ethers answers a repeated question from memory for 250 ms; here a transaction is final sooner than that.
const provider = new ethers.JsonRpcProvider(node.rpc, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const wallet = new ethers.Wallet(network.accounts[0].private_key, provider);
const friend = network.accounts[1].address;

let token;
if (mode === "transfer") {
  const artefact = JSON.parse(readFileSync(artefactFile, "utf8"));
  token = new ethers.Contract(artefact.address, artefact.abi, wallet);
} else {
  const artefact = compile();
  token = await new ethers.ContractFactory(artefact.abi, artefact.bytecode, wallet).deploy(ethers.parseEther("1000000"));
  await token.waitForDeployment();
  artefact.address = await token.getAddress();
  writeFileSync(artefactFile, JSON.stringify(artefact, null, 2));
  console.log(`deployed ${await token.name()} at ${artefact.address}`);
}
const before = await token.balanceOf(friend);
const receipt = await (await token.transfer(friend, ethers.parseEther("25"))).wait();
const after = await token.balanceOf(friend);
if (after - before !== ethers.parseEther("25")) throw new Error("the balance did not change by what was transferred");
console.log(`transferred 25 in block ${receipt.blockNumber}, final, seen through ${node.name}; ` +
  `${friend} now holds ${ethers.formatEther(after)}`);
provider.destroy();
