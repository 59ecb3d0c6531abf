// One scenario of raw transactions, signed once, so that two chains with the same chain id get the very same bytes.
import { Interface, keccak256, parseEther, toUtf8Bytes, Wallet, ZeroAddress, getCreateAddress, id, AbiCoder, ZeroHash } from "ethers";
import { artifacts } from "./network.js";

export type Step = { name: string; raw: string; hash: string };
export type Call = { name: string; call: { from: string; to: string; data: string; gas?: string } };

const gasLimit = 6_000_000;

export class Scenario {
    readonly steps: Step[] = [];
    readonly calls: Call[] = [];
    readonly contracts: Record<string, string> = {};
    private nonce = 0;

    constructor(private wallet: Wallet, private chainId: number) {}

    static async make(wallet: Wallet, chainId: number): Promise<Scenario> {
        const scenario = new Scenario(wallet, chainId);
        await scenario.tokens();
        await scenario.access();
        await scenario.proxy();
        await scenario.timelock();
        await scenario.probe();
        return scenario;
    }

    private abi(name: string): Interface {
        return new Interface(artifacts[name].abi);
    }

    private async send(name: string, fields: object): Promise<void> {
        const transaction = { chainId: this.chainId, nonce: this.nonce++, gasLimit, type: 2, maxFeePerGas: 0, maxPriorityFeePerGas: 0, ...fields };
        const raw = await this.wallet.signTransaction(transaction);
        this.steps.push({ name, raw, hash: keccak256(raw) });
    }

    private async deploy(name: string, args: unknown[] = [], overrides: object = {}): Promise<Interface> {
        const abi = this.abi(name);
        this.contracts[name] = getCreateAddress({ from: this.wallet.address, nonce: this.nonce });
        const data = artifacts[name].bytecode + abi.encodeDeploy(args).slice(2);
        await this.send(`deploy ${name}`, { data, ...overrides });
        return abi;
    }

    private async write(name: string, abi: Interface, method: string, args: unknown[], overrides: object = {}): Promise<void> {
        await this.send(`${name}.${method}`, { to: this.contracts[name], data: abi.encodeFunctionData(method, args), ...overrides });
    }

    private read(name: string, abi: Interface, method: string, args: unknown[] = [], gas?: string): void {
        const data = abi.encodeFunctionData(method, args);
        this.calls.push({ name: `${name}.${method}`, call: { from: this.wallet.address, to: this.contracts[name], data, ...(gas && { gas }) } });
    }

    private async tokens(): Promise<void> {
        const friend = "0x" + "ab".repeat(20);
        const token = await this.deploy("Token", [this.wallet.address], { type: 0, gasPrice: 0, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined });
        await this.write("Token", token, "transfer", [friend, 5n]);
        await this.write("Token", token, "transfer", [friend, 6n], { type: 1, gasPrice: 0, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined,
            accessList: [{ address: this.contracts.Token, storageKeys: [ZeroHash] }] });
        await this.write("Token", token, "approve", [friend, 77n]);
        await this.write("Token", token, "approve", [friend, 0n]); // refund
        await this.write("Token", token, "transfer", [ZeroAddress, 1n]); // custom error
        await this.write("Token", token, "mint", [friend, parseEther("2000000")]); // custom error with arguments
        await this.write("Token", token, "failWithText", []);
        await this.write("Token", token, "failWithPanic", [0]);
        await this.write("Token", token, "failWithAssert", []);
        await this.write("Token", token, "failWithNothing", []);
        await this.write("Token", token, "transfer", [friend, 1n], { gasLimit: 25_000 }); // out of gas
        await this.send("plain transfer", { to: friend, value: 1n });
        await this.send("data to an account", { to: friend, data: "0x" + "00ff".repeat(300) }); // EIP-7623 floor
        for (const [method, args] of [["balanceOf", [friend]], ["name", []], ["totalSupply", []], ["failWithText", []], ["failWithPanic", [0]], ["failWithAssert", []],
                                      ["failWithNothing", []], ["transfer", [ZeroAddress, 1n]], ["mint", [friend, parseEther("2000000")]]] as [string, unknown[]][])
            this.read("Token", token, method, args);
        const deed = await this.deploy("Deed");
        await this.write("Deed", deed, "issue", [this.wallet.address, "ipfs://a rather long address of a document, longer than a slot"]);
        await this.write("Deed", deed, "transferFrom", [this.wallet.address, friend, 0n]);
        this.read("Deed", deed, "tokenURI", [0n]);
        this.read("Deed", deed, "ownerOf", [9n]);
    }

    private async access(): Promise<void> {
        const register = await this.deploy("Register", [this.wallet.address]);
        await this.write("Register", register, "enter", ["refused"]);
        await this.write("Register", register, "grantRole", [id("CLERK"), this.wallet.address]);
        await this.write("Register", register, "enter", ["accepted"]);
        this.read("Register", register, "entry", [0n]);
        this.read("Register", register, "entry", [1n]); // panic 0x32
    }

    private async proxy(): Promise<void> {
        const first = await this.deploy("CounterV1");
        await this.deploy("CounterV2");
        await this.deploy("CounterProxy", [this.contracts.CounterV1, first.encodeFunctionData("initialize", [this.wallet.address])]);
        await this.write("CounterProxy", first, "increment", []);
        await this.write("CounterProxy", first, "upgradeToAndCall", [this.contracts.CounterV2, "0x"]);
        await this.write("CounterProxy", first, "increment", []);
        this.read("CounterProxy", first, "count");
        this.read("CounterV1", first, "initialize", [this.wallet.address]);
    }

    private async timelock(): Promise<void> {
        const timelock = await this.deploy("Timelock", [0n, [this.wallet.address], this.wallet.address]);
        const call = [this.wallet.address, 0n, "0x", ZeroHash, id("salt")];
        await this.write("Timelock", timelock, "schedule", [...call, 0n]);
        await this.write("Timelock", timelock, "execute", call);
        this.read("Timelock", timelock, "getMinDelay");
    }

    private async probe(): Promise<void> {
        const probe = await this.deploy("Probe");
        const data = toUtf8Bytes("The quick brown fox jumps over the lazy dog");
        await this.write("Probe", probe, "logs", [data]);
        await this.write("Probe", probe, "fill", [20n]);
        await this.write("Probe", probe, "clear", []); // refund at its cap
        await this.write("Probe", probe, "put", [1n, new Uint8Array(500).fill(7)]);
        await this.write("Probe", probe, "create", [5n, id("salt")], { value: 1000n });
        await this.write("Probe", probe, "create", [5n, id("salt")], { value: 0n });
        await this.write("Probe", probe, "tryChild", []);
        await this.write("Probe", probe, "transientAndCopy", [data]);
        await this.write("Probe", probe, "hashes", [data]);
        await this.send("value to a contract", { to: this.contracts.Probe, value: 12n });
        await this.write("Probe", probe, "loopForEver", [], { gasLimit: 60_000 });
        await this.send("bad creation", { data: "0xfe" });
        await this.send("creation of 0xef", { data: "0x60ef60005360016000f3" });
        this.read("Probe", probe, "last");
        this.read("Probe", probe, "texts", [1n]);
        this.read("Probe", probe, "hashes", [data]);
        this.read("Probe", probe, "burn", [100n], "0x100000");
        this.read("Probe", probe, "loopForEver", [], "0x10000");
        const modexp = AbiCoder.defaultAbiCoder().encode(["uint256", "uint256", "uint256"], [1, 1, 1]) + "03" + "05" + "07";
        for (const [precompile, input] of [["05", modexp], ["09", "0x" + "00".repeat(213)], ["0100", "0x" + "01".repeat(160)], ["06", "0x" + "00".repeat(128)], ["08", "0x" + "00".repeat(192)]])
            this.calls.push({ name: `precompile ${precompile}`, call: { from: this.wallet.address, to: "0x" + precompile.padStart(40, "0"), data: input } });
    }
}
