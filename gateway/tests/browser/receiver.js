// An endpoint that gets webhooks, and that a test can break and mend.

import { createServer } from "node:http";

export class Receiver {
  // What it answers with from now on.
  answer = { status: 200, body: '{"received":true}', delayMs: 0, contentType: "application/json" };
  // The bodies that it got, the oldest first.
  bodies = [];
  #server = createServer((request, response) => this.#take(request, response));

  static async start() {
    const receiver = new Receiver();
    await new Promise((done) => receiver.#server.listen(0, "127.0.0.1", done));
    receiver.#server.unref();
    return receiver;
  }

  url(path = "/") {
    return `http://127.0.0.1:${this.#server.address().port}${path}`;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(done));
  }

  async #take(request, response) {
    const { status, body, delayMs, contentType } = this.answer;
    let got = "";
    for await (const part of request) got += part;
    this.bodies.push(got);
    await new Promise((done) => setTimeout(done, delayMs));
    response.writeHead(status, { "Content-Type": contentType }).end(body);
  }
}
