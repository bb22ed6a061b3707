/**
 * Caps with real processes. Two validators, so that both must vote: one may use a quarter of its adapter's
 * time, the other trains only in hours that are not now, and goes on voting. A cap on memory that can't be
 * kept is refused before anything starts.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { createMesh, type PeerProcess, until, withoutAdapter } from './harness.ts'

const CLI = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const PATIENCE_MS = 180_000
const ROUNDS = 5
const GPU_SHARE = 0.25
/** An upload that lets a round pass, and a download that does not. */
const NARROW = ['--max-upload', '1MiB/s', '--max-download', '2KiB/s']

const skip = await withoutAdapter()
t.setTimeout(400_000)

/** Hours that begin in two and end in three, by this machine's clock. */
const laterHours = (): string => {
  const hour = new Date().getHours()
  return `${(hour + 2) % 24}-${(hour + 3) % 24}`
}

t.test('caps in force', { skip: skip ?? false }, async t => {
  const mesh = await createMesh({ peers: 2, rounds: null, roundDeadlineMs: 1500, seed: 'caps' })
  t.teardown(() => mesh.close())
  const [slow, idle] = mesh.peers as [PeerProcess, PeerProcess]

  const refused = spawnSync(process.execPath, [CLI, 'up', '--data', slow.folder, '--max-memory', '64MiB'], {
    encoding: 'utf8'
  })
  t.equal(refused.status, 1)
  t.match(refused.stderr, /CAP_MEMORY: a cap of 64 MiB on memory is too low.*\n.*give --max-memory \d+MiB/)
  const wrong = spawnSync(process.execPath, [CLI, 'up', '--data', slow.folder, '--max-gpu', '200%'], {
    encoding: 'utf8'
  })
  t.equal(wrong.status, 2)
  t.match(wrong.stderr, 'USAGE_VALUE: --max-gpu 200%')

  const hours = laterHours()
  slow.start(['--max-gpu', '25%'])
  idle.start(['--hours', hours])
  await until('rounds close', PATIENCE_MS, async () => ((await idle.status())?.round ?? 0) >= ROUNDS)

  const [slowStatus, idleStatus] = [(await slow.status())!, (await idle.status())!]
  t.match(slowStatus.caps, { gpuShare: GPU_SHARE, pause: null })
  const busy = slowStatus.adapterBusy ?? 1
  t.ok(busy <= 1.1 * GPU_SHARE, `the adapter worked ${(100 * busy).toFixed(1)} % of the last minute`)
  t.comment(`steps in the last round: ${slowStatus.steps?.done} of ${slowStatus.steps?.max}`)

  t.match(idleStatus, { phase: 'waiting', caps: { pause: /^outside the hours/ }, steps: null })
  t.equal(idleStatus.adapterBusy, 0, 'it has not trained')
  const { trainers } = await idle.client.stakes()
  const acceptedOf = ({ key }: PeerProcess) => trainers.find(each => each.key === key)?.accepted
  t.equal(acceptedOf(idle), 0)
  t.ok((acceptedOf(slow) ?? 0) >= ROUNDS - 1)
  const { blocks } = await slow.client.blocks({ limit: 1 })
  const { certificate } = await slow.client.block({ height: blocks[0]!.height - 1 })
  t.ok(certificate?.signers.includes(idle.key), 'it votes all the same')
  t.match(await idle.client.metrics(), /^gradmesh_status_training_paused 1$/m)
  t.match(await slow.client.metrics(), /^gradmesh_status_cap_adapter_ratio 0\.25$/m)

  await idle.stop()
  idle.start(['--hours', '0-24', ...NARROW])
  await until('it trains', PATIENCE_MS, async () => (await idle.status())?.phase === 'training')
  const words = await idle.lastWords()
  t.match(
    words,
    /a cap on bandwidth is lower than a round.*cap=max-download bytesPerRound=\d+ allowedBytes=3072/
  )
  t.notMatch(words, 'cap=max-upload')
})
