/**
 * The load, in a process of its own: so many clients, each on a connection of its own and asking once a
 * second, and so many event streams. `node generator.ts URL CLIENTS STREAMS SECONDS` prints one JSON object.
 */
import { Agent, get } from 'node:http'

const [url = '', clients = '200', streams = '50', seconds = '10'] = process.argv.slice(2)
const PATHS = [
  '/v1/status',
  '/v1/peers',
  '/v1/status',
  '/v1/blocks?limit=12',
  '/v1/status',
  '/v1/stakes',
  '/'
]
const EVERY_MS = 1000

const until = performance.now() + Number(seconds) * 1000
const latencies: number[] = []
const answers: Record<string, number> = {}
let streamBytes = 0
let streamsOpen = 0

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const ask = (path: string, agent: Agent): Promise<string> =>
  new Promise(resolve => {
    get(`${url}${path}`, { agent, timeout: 5000 }, response => {
      response.resume()
      response.on('end', () => resolve(String(response.statusCode)))
      response.on('error', () => resolve('broken'))
    })
      .on('timeout', function (this: { destroy(): void }) {
        this.destroy()
      })
      .on('error', error => resolve((error as NodeJS.ErrnoException).code ?? 'error'))
  })

const client = async (index: number, count: number): Promise<void> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  await pause((index / count) * EVERY_MS)
  for (let turn = index; performance.now() < until; turn++) {
    const began = performance.now()
    const answer = await ask(PATHS[turn % PATHS.length]!, agent)
    const took = performance.now() - began
    latencies.push(took)
    answers[answer] = (answers[answer] ?? 0) + 1
    await pause(Math.max(0, EVERY_MS - took))
  }
  agent.destroy()
}

const stream = (): Promise<void> =>
  new Promise(resolve => {
    const request = get(`${url}/v1/events`, { agent: false }, response => {
      streamsOpen += response.statusCode === 200 ? 1 : 0
      response.on('data', (bytes: Buffer) => {
        streamBytes += bytes.length
      })
      response.on('error', () => resolve())
      response.on('close', () => resolve())
    })
    request.on('error', () => resolve())
    setTimeout(() => request.destroy(), until - performance.now())
  })

await Promise.all([
  ...Array.from({ length: Number(clients) }, (_, i) => client(i, Number(clients))),
  ...Array.from({ length: Number(streams) }, stream)
])
const sorted = latencies.sort((a, b) => a - b)
const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
console.log(JSON.stringify({ answers, p50Ms: at(0.5), p99Ms: at(0.99), streamsOpen, streamBytes }))
