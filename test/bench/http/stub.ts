/**
 * A server that does nothing: the peer's own answers, taken once, and one status event a second. What the
 * generator costs against it, it costs against the peer too. `node stub.ts PEER_URL` prints its address.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const [peer = ''] = process.argv.slice(2)
const PATHS = ['/v1/status', '/v1/peers', '/v1/blocks?limit=12', '/v1/stakes', '/']
const STATUS_MS = 1000

const bodies = new Map<string, Buffer>()
for (const path of PATHS) bodies.set(path, Buffer.from(await (await fetch(`${peer}${path}`)).arrayBuffer()))
const event = `event: status\ndata: {"type":"status","status":${bodies.get('/v1/status')}}\n\n`

const streams = new Set<ServerResponse>()
setInterval(() => {
  for (const stream of streams) stream.write(event)
}, STATUS_MS)

const server = createServer((request, response) => {
  if (request.url === '/v1/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    streams.add(response)
    response.on('close', () => streams.delete(response))
  } else response.end(bodies.get(request.url ?? '') ?? '')
})
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.on('disconnect', () => process.exit())
