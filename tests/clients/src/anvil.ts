// Starts anvil (from its npm package) on a port that the system chooses, with Osaka rules and free gas.
import { ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { HDNodeWallet } from "ethers";
import { Network } from "./network.js";

const binary = fileURLToPath(new URL("../node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil", import.meta.url));
const mnemonic = "test test test test test test test test test test test junk"; // anvil's default: public, for development only

export async function startAnvil(chainId: number): Promise<{ network: Network; child: ChildProcess }> {
    const options = ["--port", "0", "--chain-id", String(chainId), "--hardfork", "osaka", "--block-base-fee-per-gas", "0",
                     "--gas-price", "0", "--gas-limit", "500000000", "--steps-tracing"];
    const child = spawn(binary, options, { stdio: ["ignore", "pipe", "inherit"] });
    const address = await new Promise<string>((resolve, reject) => {
        child.once("error", reject);
        child.once("exit", (code) => reject(new Error(`anvil ended with ${code}`)));
        createInterface({ input: child.stdout! }).on("line", (line) => {
            const match = /Listening on (\S+)/.exec(line);
            if (match) resolve(match[1]);
        });
    });
    const accounts = Array.from({ length: 10 }, (_, i) => {
        const wallet = HDNodeWallet.fromPhrase(mnemonic, "", `m/44'/60'/0'/0/${i}`);
        return { address: wallet.address, private_key: wallet.privateKey };
    });
    const node = { name: "anvil", rpc: `http://${address}`, ws: `ws://${address}` };
    return { network: { chain_id: chainId, nodes: [node], accounts, genesis: "" }, child };
}
