/** ejabberd's configuration: Debian's package, the message archive in PostgreSQL, XMPP over WebSocket, no limits on rates. */

export interface EjabberdPorts {
  readonly http: number;
  readonly postgres: number;
}

export const database = 'ejabberd';
export const conferenceHost = 'conference.localhost';

export const ejabberdConfig = (ports: EjabberdPorts): string => `
hosts: [localhost]
loglevel: 3
certfiles: []
listen:
  -
    port: ${ports.http}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /ws: ejabberd_http_ws
      /api: mod_http_api
websocket_ping_interval: 60
websocket_timeout: 300
auth_method: internal
auth_password_format: plain
disable_sasl_mechanisms: [scram-sha-1, scram-sha-256, scram-sha-512, digest-md5, x-oauth2]
api_permissions:
  bench:
    from: mod_http_api
    who: all
    what: "*"
sql_type: pgsql
sql_server: "127.0.0.1"
sql_port: ${ports.postgres}
sql_database: ${database}
sql_username: ${database}
sql_password: ${database}
modules:
  mod_admin_extra: {}
  mod_mam:
    default: always
    db_type: sql
  mod_muc:
    db_type: mnesia
    access_create: all
    history_size: 0
    max_users: 200
    default_room_options:
      mam: true
      persistent: true
`;
