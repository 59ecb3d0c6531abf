// Which network the tests talk to. CLIENTS_NETWORK names a file with the answer of `cairn dev up --json` (or of our anvil, which
// src/anvil.ts writes in the same form). Keys in it are for development only.
import { readFileSync } from "node:fs";
import { AbstractProvider, Contract, hexlify, JsonRpcProvider, parseEther, randomBytes, Wallet } from "ethers";

export type Endpoint = { name: string; rpc: string; ws: string };
export type Network = {
    chain_id: number;
    nodes: Endpoint[];
    accounts: { address: string; private_key: string; role?: string }[];
    genesis: string;
};

export function readNetwork(path: string): Network {
    const network = JSON.parse(readFileSync(path, "utf8")) as Network;
    network.chain_id = Number(network.chain_id);
    return network;
}

export function networkUnderTest(): Network {
    const path = process.env.CLIENTS_NETWORK;
    if (!path) throw new Error("CLIENTS_NETWORK must name a network file; tests/clients/run.sh does that");
    return readNetwork(path);
}

/** True if the network is Cairn, false if it is anvil, against which the tests themselves are tried out. */
export function isCairn(network: Network): boolean {
    return network.genesis !== "";
}

export const artifacts: Record<string, { abi: any[]; bytecode: `0x${string}` }> = JSON.parse(
    readFileSync(new URL("../build/artifacts.json", import.meta.url), "utf8"),
);

/** Lets an account send: the registrar, as every development account is one, binds it to its organisation. */
export async function bindAccount(network: Network, registrar: Wallet, address: string): Promise<void> {
    if (!isCairn(network)) return;
    const identities = new Contract(
        "0x000000000000000000000000000000000000ca07",
        ["function bind(address account, uint8 kind, bytes32 commitment, uint64 expires)"],
        registrar,
    );
    await (await identities.bind(address, 2, hexlify(randomBytes(32)), 0)).wait();
}

/** A new account with 100 ether from the network's `index`-th account, so that test files do not share nonces. */
export async function fundedWallet(network: Network, index: number, rpc = network.nodes[0].rpc): Promise<Wallet> {
    const provider = new JsonRpcProvider(rpc, network.chain_id, { staticNetwork: true, pollingInterval: 100, cacheTimeout: -1 });
    try {
        const rich = new Wallet(network.accounts[index % network.accounts.length].private_key, provider);
        const fresh = new Wallet(Wallet.createRandom().privateKey);
        const sent = await rich.sendTransaction({ to: fresh.address, value: parseEther("100") });
        await sent.wait();
        await bindAccount(network, rich, fresh.address);
        return fresh;
    } finally {
        provider.destroy();
    }
}

/** Waits until `probe` gives something other than undefined. */
export async function eventually<T>(what: string, probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + 20_000;
    while (Date.now() < deadline) {
        const value = await probe();
        if (value !== undefined) return value;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`waited 20 s in vain for ${what}`);
}

export async function closeProvider(provider: AbstractProvider): Promise<void> {
    await provider.removeAllListeners();
    await new Promise((resolve) => setTimeout(resolve, 500)); // ethers lets polls that are under way fail loudly
    provider.destroy();
}
