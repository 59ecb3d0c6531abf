// Stands between a client and a node, passes everything on unchanged, and keeps every call with its answer.
import { createServer, IncomingMessage, Server } from "node:http";
import { AddressInfo } from "node:net";
import WebSocket, { WebSocketServer } from "ws";
import { Endpoint } from "./network.js";

export type Exchange = { method: string; params: unknown; answer: any };

export class Recorder {
    readonly exchanges: Exchange[] = [];
    readonly notifications: any[] = [];
    rpc = "";
    ws = "";
    private http!: Server;
    private sockets!: WebSocketServer;

    static async start(target: Endpoint): Promise<Recorder> {
        const recorder = new Recorder();
        recorder.http = createServer(async (request, response) => {
            const body = await readBody(request);
            const answer = await fetch(target.rpc, { method: "POST", body, headers: { "content-type": "application/json" } });
            const text = await answer.text();
            recorder.note(body, text);
            response.writeHead(answer.status, { "content-type": "application/json" });
            response.end(text);
        });
        recorder.rpc = `http://127.0.0.1:${await listen(recorder.http)}`;

        const upgrades = createServer();
        recorder.sockets = new WebSocketServer({ server: upgrades });
        recorder.sockets.on("connection", (client) => recorder.relay(client, target.ws));
        recorder.ws = `ws://127.0.0.1:${await listen(upgrades)}`;
        recorder.sockets.on("close", () => upgrades.close());
        return recorder;
    }

    async stop(): Promise<void> {
        for (const client of this.sockets.clients) client.terminate();
        this.sockets.close();
        this.http.closeAllConnections();
        await new Promise((resolve) => this.http.close(resolve));
    }

    private relay(client: WebSocket, target: string): void {
        const node = new WebSocket(target);
        const open = new Map<unknown, { method: string; params: unknown }>();
        const early: string[] = [];
        client.on("message", (data) => {
            const text = data.toString();
            for (const call of asList(JSON.parse(text))) open.set(call.id, call);
            if (node.readyState === WebSocket.OPEN) node.send(text);
            else early.push(text);
        });
        node.on("open", () => early.forEach((text) => node.send(text)));
        node.on("message", (data) => {
            const text = data.toString();
            for (const answer of asList(JSON.parse(text))) {
                const call = open.get(answer.id);
                if (call) this.exchanges.push({ method: call.method, params: call.params, answer });
                else this.notifications.push(answer);
            }
            client.send(text);
        });
        node.on("error", () => client.terminate());
        node.on("close", () => client.close());
        client.on("close", () => node.close());
    }

    private note(request: string, response: string): void {
        const answers = asList(JSON.parse(response));
        for (const call of asList(JSON.parse(request))) {
            const answer = answers.find((candidate) => candidate.id === call.id);
            if (!answer) throw new Error(`no answer to ${call.method}`);
            this.exchanges.push({ method: call.method, params: call.params, answer });
        }
    }
}

function asList(value: any): any[] {
    return Array.isArray(value) ? value : [value];
}

async function readBody(request: IncomingMessage): Promise<string> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    return Buffer.concat(parts).toString("utf8");
}

async function listen(server: Server): Promise<number> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
}
