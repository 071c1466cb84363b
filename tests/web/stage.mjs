// A server in front of another one that puts it under a path, as API Gateway does with a stage.

import { createServer, request } from 'node:http';

/**
 * @param {string} path such as /prod; requests outside it are answered 404
 * @param {URL} target the server behind
 * @returns {Promise<{url: string, close: () => void}>}
 */
export async function serveUnder(path, target) {
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url.startsWith(`${path}/`)) {
      outgoing.writeHead(404).end();
      return;
    }
    const { method, headers } = incoming;
    request(new URL(incoming.url.slice(path.length), target), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    }).on('error', () => outgoing.writeHead(502).end()).end();
  });
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  return {
    url: `http://127.0.0.1:${server.address().port}${path}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
