// An HTTP/2 server for spec/net/http2_spec.lua: node h2_server.mjs FOLDER. Its certificate and key are FOLDER/cert and FOLDER/key; it writes
// its port to FOLDER/port and ends with its standard input.
import fs from 'node:fs';
import http2 from 'node:http2';
import zlib from 'node:zlib';

const folder = process.argv[2];
let sessions = 0, hung = 0, resets = 0;

const server = http2.createSecureServer({
  allowHTTP1: true, cert: fs.readFileSync(folder + '/cert'), key: fs.readFileSync(folder + '/key'),
});
server.on('session', (session) => {
  sessions++;
  session.on('error', () => {});
});

const json = (res, value) => {
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify(value));
};

const routes = {
  version: (req, res) => json(res, { version: req.httpVersion, method: req.method, accept: req.headers['accept-encoding'] ?? null }),
  stats: (req, res) => json(res, { sessions, hung, resets }),
  slow: (req, res, url) => setTimeout(() => json(res, { n: Number(url.searchParams.get('n')) }), 50),
  hang: () => { hung++; },
  echo: (req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => res.end(Buffer.concat(parts)));
  },
  big: (req, res, url) => res.end(Buffer.alloc(Number(url.searchParams.get('bytes')), 'x')),
  gzip: (req, res) => {
    res.setHeader('content-encoding', 'gzip');
    res.end(zlib.gzipSync('x'.repeat(100000)));
  },
  redirect: (req, res) => {
    res.writeHead(302, { location: '/version' });
    res.end();
  },
  half: (req, res) => { // a part of the body, then the stream is reset
    res.writeHead(200, { 'content-length': '1000' });
    res.write('half', () => setTimeout(() => res.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), 10));
  },
  refuse: (req, res) => res.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM),
  goaway: (req, res) => { // the connection ends; what was begun is answered
    json(res, { version: req.httpVersion });
    req.stream.session.close();
  },
  drop: (req) => req.stream.session.destroy(),
};

server.on('request', (req, res) => {
  const url = new URL(req.url, 'https://localhost');
  req.stream?.on('aborted', () => { resets++; });
  res.on('error', () => {});
  (routes[url.pathname.slice(1)] ?? routes.version)(req, res, url);
});

server.listen(0, '127.0.0.1', () => {
  fs.writeFileSync(folder + '/port.new', String(server.address().port));
  fs.renameSync(folder + '/port.new', folder + '/port');
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
