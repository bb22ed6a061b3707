/** Debian's Prometheus scrapes a peer that demands its token, and knows its figures afterwards. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { serve } from './fixtures/serve.ts'

const isThere = spawnSync('prometheus', ['--version']).status === 0
const token = 'a-token-of-more-than-thirty-two-letters'
const PATIENCE_MS = 30_000

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

t.test('scraped', { skip: isThere ? false : 'prometheus is not here: apt install prometheus' }, async t => {
  const { port } = await serve(t, { access: { token, openReads: false } })
  const folder = t.testdir()
  writeFileSync(join(folder, 'token'), token)
  const config = `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: gradmesh
    authorization: { credentials_file: ${join(folder, 'token')} }
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
`
  writeFileSync(join(folder, 'prometheus.yml'), config)
  const webPort = await freePort()
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${webPort}`
    ],
    { stdio: 'ignore' }
  )
  t.teardown(() => end(child))
  const ask = async (query: string): Promise<string | undefined> => {
    const url = `http://127.0.0.1:${webPort}/api/v1/query?query=${encodeURIComponent(query)}`
    const reply = await fetch(url).catch(() => undefined)
    const body = reply?.ok === true ? await reply.json() : undefined
    return (body as { data: { result: { value: [number, string] }[] } } | undefined)?.data.result[0]?.value[1]
  }
  const until = Date.now() + PATIENCE_MS
  while ((await ask('gradmesh_status_height')) === undefined && Date.now() < until)
    await new Promise(resolve => setTimeout(resolve, 250))
  t.equal(await ask('gradmesh_status_height'), '42')
  t.equal(await ask('up{job="gradmesh"}'), '1')
  t.equal(await ask('gradmesh_peers{state="graylisted"}'), '1')
})
