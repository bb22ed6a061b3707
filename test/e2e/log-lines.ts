/** With --json every line that a peer writes is one object; those of its log have the promised fields. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createMesh, until, withoutAdapter } from './harness.ts'

const PATIENCE_MS = 120_000
const LEVELS = [20, 30, 40, 50]
const KEPT = ['level', 'time', 'msg', 'part', 'error']
/** The GPU runtime writes by itself, past every log. */
const RUNTIME_NOTE = /^Warning: max\w+ artificially reduced/

const skip = await withoutAdapter()
t.setTimeout(200_000)

t.test('a peer with --json', { skip: skip ?? false }, async t => {
  const mesh = await createMesh({ peers: 1, rounds: 3, roundDeadlineMs: 2000, innerSteps: 2, seed: 'log' })
  t.teardown(() => mesh.close())
  const [peer] = mesh.peers as [(typeof mesh.peers)[0]]
  peer.start(['--json', '--log-level', 'debug'])
  await until('the run is over', PATIENCE_MS, async () => (await peer.status())?.phase === 'finished')
  t.equal(await peer.stop(), 0)

  const written = (await readFile(`${peer.folder}.out`, 'utf8')).split('\n')
  const lines = written.filter(line => line !== '' && !RUNTIME_NOTE.test(line)).map(line => JSON.parse(line))
  t.ok(lines.every(line => typeof line === 'object' && line !== null && !Array.isArray(line)))
  const logged = lines.filter(line => 'level' in line)
  const told = lines.filter(line => !('level' in line))
  t.match(
    told.find(line => 'ok' in line),
    { ok: true, url: peer.url, key: peer.key, data: peer.folder }
  )
  t.match(told.at(-1), { event: 'finished', round: 3, root: /^[0-9a-f]{64}$/ })

  const file = (await readFile(join(peer.folder, 'peer.log'), 'utf8')).split('\n').filter(line => line !== '')
  t.strictSame(
    logged,
    file.map(line => JSON.parse(line)),
    'the file has the same lines'
  )
  t.ok(logged.length >= 8, `${logged.length} lines`)
  const started = Date.now() - PATIENCE_MS
  for (const { level, time, msg, part, error } of logged) {
    const isSound =
      LEVELS.includes(level) &&
      Number.isInteger(time) &&
      time > started &&
      time <= Date.now() &&
      typeof msg === 'string' &&
      msg.length > 0 &&
      ['string', 'undefined'].includes(typeof part) &&
      (error === undefined || typeof error.message === 'string')
    if (!isSound) t.fail(JSON.stringify({ level, time, msg, part, error }))
  }
  // What varies is in the fields: a figure, key or address inside a message would make it another each time.
  t.strictSame(
    logged.filter(({ msg }) => /\d{2}|[0-9a-f]{8}|\/ip[46]\//.test(msg)).map(({ msg }) => msg),
    [],
    'messages are constant texts'
  )
  t.ok(
    logged.some(line => Object.keys(line).some(name => !KEPT.includes(name))),
    'and fields carry the rest'
  )
})
