/**
 * A mesh of four real peers among strangers that try everything in `test/adversaries/strangers`: first
 * under keys that nobody knows, then under keys of registered trainers. Each misdeed is done under a key
 * of its own, so that one's graylisting hides nothing of the next. What must come of it: every honest
 * peer counts each expected fault by name, who deserves it is graylisted and no honest peer is, and the
 * run ends as it ends without them.
 *
 * `SEED=n tap test/e2e/hostile.ts` draws other bytes.
 */
import { cp, rm } from 'node:fs/promises'
import { Prng, sha256, toHex, utf8 } from '@gradmesh/core'
import { verifyFolder } from '@gradmesh/peer'
import { encodeTransaction, type KeyPair, keyPairFromSeed, signRegister } from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { type Code, insiders, type Misdeed, outsiders, Stranger } from '../adversaries/strangers/index.ts'
import { createMesh, type Mesh, type PeerProcess, pause, until, withoutAdapter } from './harness.ts'

const ROUNDS = 20
/** Long enough that a busy machine closes every round with all deltas, so that runs can be compared bit by bit. */
const DEADLINE_MS = 10_000
/** Registered strangers that deliver nothing are waited for twice. */
const INSIDE_DEADLINE_MS = 2000
const PATIENCE_MS = 120_000
/** Two runs of one seed differ by what time did to them; so do two with and without strangers. */
const SCORE_NOISE = 0.02

const seed = process.env.SEED ?? '1'
const options = { peers: 4, rounds: ROUNDS, roundDeadlineMs: DEADLINE_MS, seed }
const skip = await withoutAdapter()
t.setTimeout(300_000)

interface Ending {
  readonly roots: readonly string[]
  readonly score: number
  /**
   * Every round was closed with the deltas of all four, each of as many steps as there is time for at best, and the last
   * one with the attestations of all four: whoever is missing there is counted as absent, in the state.
   */
  readonly isFull: boolean
}

t.test('four peers among strangers', { skip: skip ?? false }, async t => {
  const quiet = await createMesh(options)
  const noisy = await createMesh(options)
  const inside = await createMesh({ ...options, roundDeadlineMs: INSIDE_DEADLINE_MS })
  for (const mesh of [quiet, noisy, inside]) t.teardown(() => mesh.close())
  await becomeTwin(noisy, quiet)

  const alone = await endingOf(t, quiet)
  await t.test('of no registration', async t => {
    const { ending, told } = await amongStrangers(t, noisy, quiet, outsiders, false)
    sameEnd(t, ending, alone)
    t.comment(`complete rounds: ${ending.isFull} with strangers, ${alone.isFull} without`)
    if (ending.isFull && alone.isFull)
      t.equal(
        ending.roots[0],
        alone.roots[0],
        'complete rounds give the same state root with and without strangers'
      )
    t.comment(told)
  })
  await t.test('that are registered trainers', async t => {
    const { ending, told } = await amongStrangers(t, inside, inside, insiders, true)
    sameEnd(t, ending, alone)
    t.comment(told)
  })
})

/** The same keys and the same genesis as `other`, which must not have started yet. */
const becomeTwin = async (mesh: Mesh, other: Mesh): Promise<void> => {
  for (const [i, { folder }] of mesh.peers.entries()) {
    await rm(folder, { recursive: true })
    await cp(other.peers[i]!.folder, folder, { recursive: true })
  }
}

const sameEnd = (t: Test, ending: Ending, alone: Ending): void => {
  t.ok(
    Math.abs(ending.score - alone.score) <= SCORE_NOISE,
    `accuracy ${ending.score}, ${alone.score} without strangers`
  )
}

const startAll = async ({ peers }: Mesh): Promise<void> => {
  for (const peer of peers) peer.start()
  await until('every peer can be reached', PATIENCE_MS, async () =>
    (await Promise.all(peers.map(peer => peer.status()))).every(status => (status?.addresses.length ?? 0) > 0)
  )
}

/** Waits for the end of the run, checks that all agree on it, and stops the peers. */
const endingOf = async (t: Test, mesh: Mesh, isRunning = false): Promise<Ending> => {
  const { peers } = mesh
  if (!isRunning) await startAll(mesh)
  await until('the run has finished everywhere', PATIENCE_MS, async () =>
    (await Promise.all(peers.map(peer => peer.status()))).every(status => status?.phase === 'finished')
  )
  const statuses = await Promise.all(peers.map(peer => peer.client.status()))
  const roots = statuses.map(({ stateRoot }) => stateRoot)
  t.equal(new Set(roots).size, 1, 'all honest peers end with one state root')
  t.ok(
    statuses.every(({ round }) => round === ROUNDS),
    'all rounds were closed'
  )
  const { blocks } = await peers[0]!.client.blocks({ limit: 100 })
  const last = blocks.find(({ empty }) => !empty)
  const areComplete = await Promise.all(blocks.map(block => isComplete(mesh, block)))
  const isFull = last?.attests === peers.length && areComplete.every(is => is)
  for (const peer of peers) t.equal(await peer.stop(), 0, `${peer.name} ends well`)
  const report = await verifyFolder(peers[1]!.folder)
  t.strictSame(report.findings, [], 'its folder verifies')
  return { roots, score: statuses[0]!.score ?? 0, isFull }
}

const isComplete = async (
  { peers, genesis }: Mesh,
  { height, empty, deltas }: { readonly height: number; readonly empty: boolean; readonly deltas: number }
): Promise<boolean> => {
  if (empty) return true
  const { client } = peers[0]!
  const { namedDeltas } = await client.block({ height })
  const receipts = await Promise.all(namedDeltas.map(({ digest }) => client.delta({ digest })))
  return deltas === peers.length && receipts.every(({ steps }) => steps === genesis.training.innerSteps)
}

const amongStrangers = async (
  t: Test,
  mesh: Mesh,
  twin: Mesh,
  misdeeds: readonly Misdeed[],
  areRegistered: boolean
): Promise<{ ending: Ending; told: string }> => {
  const { peers } = mesh
  await startAll(mesh)
  const addresses = (await Promise.all(peers.map(peer => peer.client.status()))).map(
    ({ addresses }) => addresses[0]!
  )
  const strangers: Met[] = []
  for (const misdeed of misdeeds) {
    const keys = keyOf(misdeed, areRegistered)
    const prng = new Prng(`hostile/${seed}/${misdeed.name}`)
    const stranger = await Stranger.meet({ genesis: twin.genesis, keys, addresses, prng })
    t.teardown(() => stranger.leave())
    strangers.push({ misdeed, stranger })
  }
  if (areRegistered) await registerAll(peers[0]!, strangers)
  const counted = await Promise.all(
    strangers.map(({ misdeed, stranger }) => offend(peers, misdeed, stranger))
  )
  for (const [i, { misdeed }] of strangers.entries())
    t.strictSame(counted[i], [], `${misdeed.name}: every honest peer counted ${misdeed.expects.join(', ')}`)
  await checkScores(t, peers, twin, strangers)
  const told = await toldBy(peers)
  return { ending: await endingOf(t, mesh, true), told }
}

const keyOf = ({ name }: Misdeed, isRegistered: boolean): KeyPair =>
  keyPairFromSeed(sha256(utf8(`hostile/${seed}/${name}/${isRegistered}`)))

interface Met {
  readonly misdeed: Misdeed
  readonly stranger: Stranger
}

const registerAll = async (peer: PeerProcess, strangers: readonly Met[]): Promise<void> => {
  await until('the strangers are registered', PATIENCE_MS, async () => {
    const { trainers } = await peer.client.stakes()
    const known = new Set(trainers.map(({ key }) => key))
    const missing = strangers.filter(({ stranger }) => !known.has(toHex(stranger.keys.publicKey)))
    for (const { misdeed, stranger } of missing) {
      const register = signRegister(
        { key: stranger.keys.publicKey, label: misdeed.name },
        stranger.chainId,
        stranger.keys
      )
      await stranger.say('transactions', encodeTransaction(register))
    }
    if (missing.length > 0) await pause(200)
    return missing.length === 0
  })
}

/** Does it until every peer has counted what it should; answers which codes some peer has not. */
const offend = async (
  peers: readonly PeerProcess[],
  misdeed: Misdeed,
  stranger: Stranger
): Promise<readonly Code[]> => {
  let missing: readonly Code[] = misdeed.expects
  for (let attempt = 0; attempt < 6 && missing.length > 0; attempt++) {
    await misdeed.act(stranger)
    for (let look = 0; look < 20 && missing.length > 0; look++) {
      await pause(50)
      const counts = await Promise.all(peers.map(faultsOf))
      missing = misdeed.expects.filter(code => counts.some(count => (count.get(code) ?? 0) === 0))
    }
  }
  return missing
}

/** Nothing while the peer is too busy to answer. */
const faultsOf = async ({ url }: PeerProcess): Promise<Map<string, number>> => {
  const text = await fetch(`${url}/metrics`).then(
    reply => reply.text(),
    () => ''
  )
  const lines = text.matchAll(/^gradmesh_faults_total\{code="(\w+)"\} (\d+)$/gm)
  return new Map([...lines].map(([, code, count]) => [code!, Number(count)]))
}

const checkScores = async (
  t: Test,
  peers: readonly PeerProcess[],
  twin: Mesh,
  strangers: readonly Met[]
): Promise<void> => {
  // They run in the folders, and so with the keys, of the twin.
  const honest = new Set(twin.peers.map(({ key }) => key))
  const flooder = toHex(strangers.find(({ misdeed }) => misdeed.name === 'flooder')!.stranger.keys.publicKey)
  for (const peer of peers) {
    const { peers: seen } = await peer.client.peers()
    const friends = seen.filter(({ key }) => honest.has(key))
    t.equal(friends.length, peers.length - 1, `${peer.name} is still connected to the other honest peers`)
    t.ok(
      friends.every(({ score, graylisted }) => !graylisted && score >= 0),
      `${peer.name} holds nothing against them: ${friends.map(({ score }) => score.toFixed(1)).join(' ')}`
    )
    const worst = seen.find(({ key }) => key === flooder)
    t.ok(worst === undefined || worst.graylisted, `${peer.name} no longer reads the flooder`)
  }
}

const toldBy = async (peers: readonly PeerProcess[]): Promise<string> => {
  const total = new Map<string, number>()
  for (const counts of await Promise.all(peers.map(faultsOf)))
    for (const [code, count] of counts) total.set(code, (total.get(code) ?? 0) + count)
  return [...total]
    .map(([code, count]) => `${code} ${count}`)
    .sort()
    .join(', ')
}
