// Prints the first port of a run of N ports that nobody uses on the loopback now.
import { AddressInfo, createServer, Server } from "node:net";

const count = Number(process.argv[2] ?? 16);

function listen(port: number): Promise<Server | undefined> {
    const server = createServer();
    return new Promise((resolve) => {
        server.once("error", () => resolve(undefined));
        server.listen(port, "127.0.0.1", () => resolve(server));
    });
}

for (let attempt = 0; attempt < 100; ++attempt) {
    const first = await listen(0);
    const base = (first!.address() as AddressInfo).port;
    const held = [first!];
    for (let port = base + 1; port < base + count && port < 65536; ++port) {
        const server = await listen(port);
        if (!server) break;
        held.push(server);
    }
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
    if (held.length === count) {
        console.log(base);
        process.exit(0);
    }
}
console.error("free_ports: found none");
process.exit(1);
