/**
 * A task from outside on a mesh of real processes: docs/examples/rings.ts, which learns, and which a peer with another
 * copy refuses to run.
 */
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Status } from '@gradmesh/api'
import { foundTask, keepPlugin } from '@gradmesh/peer'
import t from 'tap'
import { createMesh, until, withoutAdapter } from './harness.ts'

const EXAMPLE = fileURLToPath(new URL('../../docs/examples/rings.ts', import.meta.url))
const PEERS = 3
const ROUNDS = 12

t.setTimeout(400_000)
const skip = (await withoutAdapter()) ?? false

t.test('a mesh learns a task from outside', { skip }, async t => {
  const { task, plugin } = await foundTask(EXAMPLE)
  const mesh = await createMesh({
    peers: PEERS,
    seed: 'plugin',
    task,
    plugin,
    rounds: ROUNDS,
    roundDeadlineMs: 5000
  })
  t.teardown(() => mesh.close())
  t.strictSame(mesh.genesis.task, { id: 'rings', digest: plugin!.digest, options: { rings: 3, hidden: 64 } })
  const first = mesh.peers[0]!
  const up = () => first.command('up', '--port', '0', '--p2p-port', '0')
  await t.rejects(up(), { message: /TASK_ABSENT/ }, 'a peer without it')
  const other = join(mesh.folder, 'other.ts')
  await cp(EXAMPLE, other)
  await writeFile(other, '// changed\n', { flag: 'a' })
  await keepPlugin(first.folder, other)
  await t.rejects(up(), { message: /TASK_DIGEST.*the very files/s }, 'a peer with another copy')

  // Each has a copy of its own, wherever it likes.
  for (const { folder } of mesh.peers) {
    const copy = join(folder, 'task.ts')
    await cp(EXAMPLE, copy)
    await keepPlugin(folder, copy)
  }
  for (const peer of mesh.peers) peer.start()
  const ends: Status[] = []
  for (const peer of mesh.peers) {
    await until(`${peer.name} has finished`, 240_000, async () => (await peer.status())?.phase === 'finished')
    ends.push((await peer.status())!)
  }
  for (const { round, score, scoreName, stateRoot } of ends) {
    t.equal(round, ROUNDS)
    t.equal(scoreName, 'accuracy')
    t.ok(score! >= 0.9, `accuracy ${score}`)
    t.equal(stateRoot, ends[0]!.stateRoot)
  }
  await Promise.all(mesh.peers.map(peer => peer.stop()))
  const evaluated = await first.command('eval')
  t.match(evaluated, { ok: true, task: 'rings', accuracy: ends[0]!.score, root: ends[0]!.stateRoot })
})
