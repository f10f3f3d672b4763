// An origin that writes each request's body to a file of its own, in HTTP/2 or HTTP/1.1 over TLS: CERTIFICATE KEY ADDRESS PORT FOLDER VERSION.
const fs = require("fs"), https = require("https"), http2 = require("http2"), crypto = require("crypto"), path = require("path");
const [certificate, key, address, port, folder, version] = process.argv.slice(2);
let count = 0;
const options = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
const server = version === "2" ? http2.createSecureServer(options) : https.createServer(options);
server.on("request", (request, response) => {
  const name = path.join(folder, String(count++)), file = fs.createWriteStream(name + ".body"), hash = crypto.createHash("sha256");
  let bytes = 0;
  request.on("data", (data) => { hash.update(data); bytes += data.length; if (bytes <= 1 << 20) file.write(data); });
  request.on("end", () => file.end(() => {
    // Node ends a stream of HTTP/2 that was reset, too.
    if (request.aborted || (request.stream && request.stream.aborted)) return;
    fs.writeFileSync(name + ".json", JSON.stringify({ method: request.method, path: request.url, version: request.httpVersion, bytes,
      sha256: hash.digest("hex"), fields: request.headers, trailers: request.trailers }));
    response.setHeader("content-type", "text/plain");
    response.end("took " + bytes + "\n");
  }));
  request.on("aborted", () => file.end(() => fs.writeFileSync(name + ".json", JSON.stringify({ aborted: true, bytes }))));
});
server.on("sessionError", () => {});
server.listen(Number(port), address, () => console.log("ready"));
