/**
 * `kill -9` of any one peer at any moment costs the mesh a little time and nothing else. Twenty times in
 * one run of four peers: the others go on meanwhile, the killed one comes back from its own LevelDB and
 * its peers, votes and trains again, and whatever anybody called final stays as it was. At last all four
 * are killed at once, and one loses its chain.
 *
 * `SEED=n tap test/e2e/kill.ts` draws other victims and moments.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Prng, systemClock } from '@gradmesh/core'
import { verifyFolder } from '@gradmesh/peer'
import t, { type Test } from 'tap'
import { createMesh, type Mesh, type PeerProcess, pause, quantile, until, withoutAdapter } from './harness.ts'
import { History } from './history.ts'

const KILLS = 20
const ROUND_DEADLINE_MS = 1000
/** From one peer's return to the next one's death; a kill may also meet a peer that has only just come back. */
const QUIET_MS_MAX = 1500
const OUTAGE_MS_MAX = 2500
/** Blocks that the others must bring about while one is dead. */
const PROGRESS = 2
const PATIENCE_MS = 120_000

const seed = process.env.SEED ?? '1'

interface Return {
  readonly inStepSeconds: number
  readonly voteSeconds: number
  readonly deltaSeconds: number
}

const skip = await withoutAdapter()
t.setTimeout(900_000)

t.test('kill -9 at random moments', { skip: skip ?? false }, async t => {
  const random = new Prng(`e2e/kill/${seed}`)
  const mesh = await createMesh({
    peers: 4,
    rounds: null,
    roundDeadlineMs: ROUND_DEADLINE_MS,
    innerSteps: 2,
    seed
  })
  t.teardown(() => mesh.close())
  const history = new History()
  try {
    for (const peer of mesh.peers) peer.start()
    await until('every peer trains', PATIENCE_MS, () =>
      everybody(mesh, async peer => (await peer.height()) > 3)
    )
    const returns: Return[] = []
    for (let kill = 1; kill <= KILLS; kill++) {
      returns.push(await killOne(t, mesh, history, random, kill))
      if (history.broken.length > 0) break
    }
    tellSummary(t, returns)
    await killAll(t, mesh, history)
    await loseChain(t, mesh, history, random.pick(mesh.peers))
    await leave(t, mesh)
    t.strictSame(history.broken, [], 'nothing final was lost or changed')
    t.ok(history.height > 3 * KILLS, `${history.height} final blocks are held by every peer alike`)
    await verifyAll(t, mesh)
  } catch (error) {
    for (const peer of mesh.peers) t.comment(`${peer.name}:\n${await peer.lastWords()}`)
    throw error
  }
})

const everybody = async (mesh: Mesh, is: (peer: PeerProcess) => Promise<boolean>): Promise<boolean> =>
  (await Promise.all(mesh.peers.map(is))).every(Boolean)

const heights = (peers: readonly PeerProcess[]): Promise<number[]> =>
  Promise.all(peers.map(peer => peer.height()))

/** Everything that the peers call final now, from the beginning. */
const record = async (history: History, peers: readonly PeerProcess[]): Promise<void> => {
  for (const peer of peers) await history.read(peer.name, peer.client, 1, await peer.height())
}

const killOne = async (
  t: Test,
  mesh: Mesh,
  history: History,
  random: Prng,
  kill: number
): Promise<Return> => {
  const victim = random.pick(mesh.peers)
  const others = mesh.peers.filter(peer => peer !== victim)
  await record(history, mesh.peers)
  await pause(random.below(QUIET_MS_MAX))
  const told = await victim.height()
  await history.read(victim.name, victim.client, Math.max(1, told - 8), told)
  const uptime = (await victim.status())?.uptimeSeconds ?? 0
  await victim.kill()

  const before = Math.max(...(await heights(others)))
  await pause(random.below(OUTAGE_MS_MAX))
  await until(`the others go on without ${victim.name}`, PATIENCE_MS, async () =>
    (await heights(others)).every(height => height >= before + PROGRESS)
  )
  const meanwhile = Math.max(...(await heights(others)))
  t.ok(meanwhile >= before + PROGRESS, `kill ${kill}: ${victim.name} is dead, the others go on`)

  const start = systemClock.nowMs()
  const seconds = () => (systemClock.nowMs() - start) / 1000
  victim.start()
  await until(`${victim.name} is back in step`, PATIENCE_MS, () => isInStep(victim, others))
  const inStepSeconds = seconds()
  const votes = firstBlock(victim, meanwhile, block => hasSigned(block, victim)).then(height => ({
    height,
    seconds: seconds()
  }))
  const deltas = firstBlock(victim, meanwhile, ({ namedDeltas }) =>
    namedDeltas.some(({ trainer }) => trainer === victim.key)
  ).then(height => ({ height, seconds: seconds() }))
  const [vote, delta] = await Promise.all([votes, deltas])

  const now = await victim.height()
  t.ok(now >= told, `kill ${kill}: height ${told} was final for it before, and it stands at ${now} now`)
  t.equal(await history.read(victim.name, victim.client, 1, told), told, 'it holds every final block still')
  t.strictSame(history.broken, [], `kill ${kill}: every final block is as it was`)
  t.comment(
    `kill ${kill} of ${victim.name} ${uptime.toFixed(1)} s after its start, at height ${told}; the others went on to ${meanwhile}; ` +
      `in step after ${inStepSeconds.toFixed(1)} s, signs block ${vote.height} after ${vote.seconds.toFixed(1)} s, ` +
      `its delta is in block ${delta.height} after ${delta.seconds.toFixed(1)} s`
  )
  return { inStepSeconds, voteSeconds: vote.seconds, deltaSeconds: delta.seconds }
}

/** As far as the furthest of the others, give or take the block that is under way. */
const isInStep = async (peer: PeerProcess, others: readonly PeerProcess[]): Promise<boolean> => {
  const status = await peer.status()
  if (status === undefined || status.phase === 'starting' || status.phase === 'syncing') return false
  return status.height + 1 >= Math.max(...(await heights(others)))
}

type Block = Awaited<ReturnType<PeerProcess['client']['block']>>

const hasSigned = ({ certificate, slot }: Block, { key }: PeerProcess): boolean =>
  certificate?.slot === slot && certificate.signers.includes(key)

/** The first block above a height that is so, as soon as this peer holds it. */
const firstBlock = async (
  peer: PeerProcess,
  above: number,
  is: (block: Block) => boolean
): Promise<number> => {
  let height = above
  await until(`${peer.name} takes part above height ${above}`, PATIENCE_MS, async () => {
    for (const head = await peer.height(); height < head; ) {
      if (is(await peer.client.block({ height: ++height }))) return true
    }
    return false
  })
  return height
}

const killAll = async (t: Test, mesh: Mesh, history: History): Promise<void> => {
  await record(history, mesh.peers)
  const before = Math.max(...(await heights(mesh.peers)))
  await Promise.all(mesh.peers.map(peer => peer.kill()))
  const start = systemClock.nowMs()
  for (const peer of mesh.peers) peer.start()
  await until('the mesh goes on after all were killed', PATIENCE_MS, () =>
    everybody(mesh, async peer => (await peer.height()) >= before + PROGRESS)
  )
  t.comment(
    `all four killed at height ${before}: the mesh goes on ${((systemClock.nowMs() - start) / 1000).toFixed(1)} s after their start`
  )
  await record(history, mesh.peers)
  t.strictSame(history.broken, [], 'all killed at once: every final block is as it was')
}

/** What CHAIN_BROKEN and CHAIN_BELOW_SAFETY tell an operator to do: all but what it signed comes from its peers. */
const loseChain = async (t: Test, mesh: Mesh, history: History, victim: PeerProcess): Promise<void> => {
  const before = await victim.height()
  await victim.kill()
  await rm(join(victim.folder, 'chain'), { recursive: true })
  victim.start()
  const others = mesh.peers.filter(peer => peer !== victim)
  const seconds = await until(`${victim.name} is back in step`, PATIENCE_MS, () => isInStep(victim, others))
  const now = await victim.height()
  t.ok(
    now >= before,
    `without its chain ${victim.name} is back at height ${now} after ${seconds.toFixed(1)} s`
  )
  await firstBlock(victim, now, block => hasSigned(block, victim))
  await history.read(victim.name, victim.client, before, now)
  t.strictSame(history.broken, [], 'without its chain: every final block is as it was')
}

const leave = async (t: Test, mesh: Mesh): Promise<void> => {
  await Promise.all(mesh.peers.map(peer => peer.adapterOpened(PATIENCE_MS)))
  const codes = await Promise.all(mesh.peers.map(peer => peer.stop()))
  t.strictSame(codes, [0, 0, 0, 0], 'every peer leaves with exit code 0')
}

/** What the folders hold after all that, replayed from the genesis. */
const verifyAll = async (t: Test, mesh: Mesh): Promise<void> => {
  for (const { name, folder } of mesh.peers) {
    const { ok, findings } = await verifyFolder(folder)
    t.ok(ok, `${name}'s folder is whole`, { found: findings })
  }
}

const tellSummary = (t: Test, returns: readonly Return[]): void => {
  const line = (name: string, of: (one: Return) => number): string => {
    const values = returns.map(of)
    return `${name} p50 ${quantile(values, 0.5).toFixed(1)} s, p95 ${quantile(values, 0.95).toFixed(1)} s, max ${quantile(values, 1).toFixed(1)} s`
  }
  t.comment(
    `${returns.length} kills: ${line('back in step', r => r.inStepSeconds)}; ` +
      `${line('first vote', r => r.voteSeconds)}; ${line('first accepted delta', r => r.deltaSeconds)}`
  )
}
