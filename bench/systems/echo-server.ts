/** Sends each frame back: the measure of a bare message in and out. Ends with its parent. Environment: PORT. */
Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env['PORT']),
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response('bench echo')),
  websocket: {
    message: (socket, frame) => {
      socket.send(frame);
    },
  },
});

process.stdin.on('end', () => process.exit(0)).resume();
