/**
 * A laptop whose lid is closed: one of four peers stands still (SIGSTOP) and goes on (SIGCONT). It must
 * notice, find the others again, catch up and train, and nobody may count it as faulty or say anything
 * alarming. `node test/e2e/sleep.ts --seconds 60` for a longer nap.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Stakes } from '@gradmesh/api'
import t, { type Test } from 'tap'
import { createMesh, type PeerProcess, pause, until, withoutAdapter } from './harness.ts'
import { History } from './history.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '15' } }, strict: false })
const ASLEEP_S = Number(values.seconds)
const PATIENCE_MS = 120_000
const UNDER_WAY = 3
const WARN = 40

const skip = await withoutAdapter()
t.setTimeout(300_000 + 1000 * ASLEEP_S)

interface Line {
  readonly level: number
  readonly time: number
  readonly msg: string
  readonly seconds?: number
}

const linesOf = async ({ folder }: PeerProcess): Promise<readonly Line[]> => {
  const text = await readFile(join(folder, 'peer.log'), 'utf8')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

/** Of a peer that does not answer yet. */
const NOBODY = { trainers: [] as Stakes['trainers'] }

/** Newest round with an accepted delta of this trainer, as `teller` has it. */
const lastRound = async (teller: PeerProcess, { key }: PeerProcess): Promise<number> => {
  const { trainers } = await teller.client.stakes().catch(() => NOBODY)
  return trainers.find(each => each.key === key)?.lastRound ?? -1
}

/** Of messages that were rejected, by code; what is late or early is innocent and ignored. */
const rejected = async (peer: PeerProcess): Promise<number> => {
  const text = await (await fetch(`${peer.url}/metrics`)).text()
  const counts = [...text.matchAll(/^net_gossip_messages_total\{[^}]*verdict="reject"[^}]*\} (\d+)/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

t.test(`a peer that sleeps ${ASLEEP_S} s`, { skip: skip ?? false }, async t => {
  const mesh = await createMesh({
    peers: 4,
    rounds: null,
    roundDeadlineMs: 1500,
    innerSteps: 2,
    seed: 'sleep'
  })
  t.teardown(() => mesh.close())
  for (const peer of mesh.peers) peer.start()
  const [first, , , sleeper] = mesh.peers as [PeerProcess, PeerProcess, PeerProcess, PeerProcess]
  await until('all train', PATIENCE_MS, async () => (await lastRound(first, sleeper)) > UNDER_WAY)

  const beforeHeight = await first.height()
  const closedMs = Date.now()
  sleeper.freeze()
  t.teardown(() => sleeper.thaw())
  await pause(1000 * ASLEEP_S)
  const missed = (await first.height()) - beforeHeight
  t.ok(missed >= 3, `the mesh goes on without it: ${missed} blocks`)
  sleeper.thaw()

  const awakeHeight = await first.height()
  const awakeRound = (await first.status())?.round ?? 0
  const caughtUp = await until(
    'it caught up',
    PATIENCE_MS,
    async () => (await sleeper.height()) >= awakeHeight
  )
  const trains = await until(
    'a delta that it trained afterwards is accepted',
    PATIENCE_MS,
    async () => (await lastRound(first, sleeper)) >= awakeRound
  )
  t.comment(`slept ${ASLEEP_S} s and ${missed} blocks; caught up in ${caughtUp.toFixed(1)} s,`)
  t.comment(`a delta of its was accepted ${(caughtUp + trains).toFixed(1)} s after it woke`)

  await t.test('it says so once, calmly', async t => {
    const lines = (await linesOf(sleeper)).filter(({ time }) => time >= closedMs)
    const told = lines.filter(({ msg }) => msg === 'was asleep, catching up')
    t.equal(told.length, 1)
    const seconds = told[0]?.seconds ?? 0
    t.ok(Math.abs(seconds - ASLEEP_S) <= 2, `"was asleep" for ${seconds} s`)
    t.strictSame(alarming(lines), [])
  })
  await t.test('nobody thinks ill of it', async t => {
    for (const peer of mesh.peers.slice(0, 3)) await calm(t, peer, sleeper, closedMs)
    t.equal(await rejected(sleeper), 0, 'nor does it of the others')
  })

  const history = new History()
  const head = await sleeper.height()
  await until('the first has the same blocks', PATIENCE_MS, async () => (await first.height()) >= head)
  for (const peer of [first, sleeper])
    await history.read(peer.name, peer.client, Math.max(1, beforeHeight - 2), head)
  t.strictSame(history.broken, [], 'blocks and roots are the same before, during and after')
})

const alarming = (lines: readonly Line[]): string[] =>
  lines.filter(({ level }) => level >= WARN).map(line => JSON.stringify(line))

const calm = async (t: Test, peer: PeerProcess, sleeper: PeerProcess, sinceMs: number): Promise<void> => {
  t.equal(await rejected(peer), 0, `${peer.name} rejected nothing`)
  const { peers } = await peer.client.peers()
  const seen = peers.find(({ key }) => key === sleeper.key)
  t.match(seen, { graylisted: false, label: sleeper.name }, `${peer.name} is connected to it again`)
  t.ok((seen?.score ?? -1) >= 0, `its gossip score is ${seen?.score}`)
  const { validators } = await peer.client.stakes()
  t.equal(validators.find(({ key }) => key === sleeper.key)?.slashed, '0')
  const lines = (await linesOf(peer)).filter(({ time }) => time >= sinceMs)
  t.strictSame(alarming(lines), [], `${peer.name} says nothing alarming`)
}
