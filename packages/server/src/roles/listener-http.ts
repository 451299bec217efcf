/** HTTP alone, until there is a gateway. */
import type { Api } from './api/handler.ts';

export const listenHttp = (options: { readonly host: string; readonly port: number; readonly api: Api }) => {
  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    fetch: (request, server) => options.api.handle(request, server.requestIP(request)?.address ?? ''),
  });
  return { port: server.port ?? 0, stop: (): Promise<void> => server.stop() };
};
