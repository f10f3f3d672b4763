// An HTTP/2 origin of Node's: node origin_h2.js ADDRESS CERTIFICATE KEY [both]
const fs = require('fs'), http2 = require('http2');
const [address, cert, key, both] = process.argv.slice(2);
const server = http2.createSecureServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key), allowHTTP1: !!both });
const big = Buffer.alloc(1 << 16, 'x');

server.on('stream', (stream, headers) => {
  const path = headers[':path'];
  stream.on('error', () => {});
  if (path === '/echo') {
    stream.respond({ ':status': 200, 'x-method': headers[':method'] }, { waitForTrailers: true });
    let sum = 0;
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': String(sum) }));
    stream.on('data', (d) => { sum += d.length; stream.write(d); });
    stream.on('end', () => stream.end());
  } else if (path.startsWith('/big/')) {
    let left = Number(path.slice(5));
    stream.respond({ ':status': 200 });
    const more = () => {
      while (left > 0) {
        const piece = left < big.length ? big.subarray(0, left) : big;
        left -= piece.length;
        if (!stream.write(piece)) return stream.once('drain', more);
      }
      stream.end();
    };
    more();
  } else if (path === '/hints') {
    stream.additionalHeaders({ ':status': 103, link: '</x.css>; rel=preload' });
    stream.respond({ ':status': 200 });
    stream.end('hinted');
  } else if (path === '/push' && !stream.pushAllowed) {
    stream.respond({ ':status': 200 });
    stream.end('not allowed');
  } else if (path === '/push') {
    stream.pushStream({ ':path': '/pushed' }, (error) => {
      stream.respond({ ':status': 200 });
      stream.end(error ? error.code : 'pushed');
    });
  } else if (path === '/reset') {
    stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  } else if (path === '/goaway') {
    stream.respond({ ':status': 200 });
    stream.end('last');
    stream.session.goaway();
  } else {
    stream.respond({ ':status': 200 });
    stream.end('hello');
  }
});
server.on('sessionError', () => {});
server.listen(443, address);
