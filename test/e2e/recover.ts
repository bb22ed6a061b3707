/**
 * Two of four validators are gone for good. The other two say so, stand still, and are recovered by their operators'
 * word into a new mesh that goes on from the same weights. Who does not agree stays outside; a newcomer gets in.
 */
import { readFile } from 'node:fs/promises'
import { systemClock, toHex } from '@gradmesh/core'
import { ensureKey, newestWeights, verifyFolder } from '@gradmesh/peer'
import { chainIdOf } from '@gradmesh/wire'
import t from 'tap'
import { createMesh, PeerProcess, until, withoutAdapter } from './harness.ts'

const PATIENCE_MS = 120_000

const skip = await withoutAdapter()
t.setTimeout(600_000)

t.test('two of four go on', { skip: skip ?? false }, async t => {
  const mesh = await createMesh({
    peers: 4,
    rounds: 200,
    roundDeadlineMs: 800,
    innerSteps: 2,
    seed: 'recover'
  })
  t.teardown(() => mesh.close())
  const [first, second, third, fourth] = mesh.peers as unknown as [
    PeerProcess,
    PeerProcess,
    PeerProcess,
    PeerProcess
  ]
  const start = systemClock.nowMs()
  const say = (what: string): void =>
    t.comment(`${what}, ${((systemClock.nowMs() - start) / 1000).toFixed(0)} s`)
  const waits = (what: string, ask: () => Promise<boolean>) => until(what, PATIENCE_MS, ask)
  for (const peer of mesh.peers) peer.start()
  await waits('some rounds are closed', async () => ((await first.status())?.round ?? 0) >= 5)
  await Promise.all([third.kill(), fourth.kill()])
  await waits('the status says that too much stake is silent', async () => {
    const [a, b] = await Promise.all([first.status(), second.status()])
    return a?.quorum != null && b?.quorum != null && a.height === b.height
  })
  const { height, phase, quorum } = (await first.status())!
  t.match({ phase, share: quorum?.share }, { phase: 'stalled', share: 0.5 })
  t.strictSame(quorum?.missing.map(({ key }) => key).sort(), [third.key, fourth.key].sort())
  t.match(quorum?.detail, /peer-[23] with 25 %/, 'and names them')
  await t.rejects(first.client.health(), { code: 'HTTP_UNHEALTHY', message: /50 % of the stake are silent/ })
  say(`the mesh stands at block ${height} and says why`)
  for (const peer of [first, second]) t.equal(await peer.stop(), 0)

  const survivors = ['--survivor', second.key, '--survivor', first.key]
  const plan = await first.command('recover', ...survivors)
  t.match(plan, { height, written: false, parent: toHex(chainIdOf(mesh.genesis)) })
  const settled = ['--expect', String(plan.chainId), '--yes']
  const refusals: [string, string[]][] = [
    ['LEDGER_FORK_QUORUM', [...survivors, '--survivor', third.key]],
    ['LEDGER_FORK_SURVIVOR', ['--survivor', '7'.repeat(64)]],
    ['RECOVER_DIFFERENT', ['--survivor', first.key, ...settled, '--to', `${first.folder}-x`]]
  ]
  for (const [code, words] of refusals)
    await t.rejects(first.command('recover', ...words), { message: new RegExp(code) }, code)
  const before = await newestWeights(first.folder)
  const renewed: PeerProcess[] = []
  for (const peer of [first, second]) {
    const place = await mesh.place(`${peer.name}-new`)
    const done = await peer.command('recover', ...survivors, ...settled, '--to', place.folder)
    t.match(done, { chainId: plan.chainId, startRoot: plan.startRoot, written: true })
    const other = renewed[0] === undefined ? [] : ['--bootstrap', renewed[0].address]
    renewed.push(new PeerProcess(place, peer.key, other))
  }
  const [a, b] = renewed as [PeerProcess, PeerProcess]
  t.strictSame(await readFile(`${a.folder}/start`), await readFile(`${b.folder}/start`), 'byte for byte')
  say(`recovered as ${String(plan.chainId).slice(0, 12)}`)

  for (const peer of renewed) peer.start()
  await waits('blocks become final again', async () => (await a.height()) > 0 && (await b.height()) > 0)
  const { blocks } = await a.client.blocks({ from: 1 })
  const block = await a.client.block({ height: blocks[0]!.height })
  t.equal(block.parentStateRoot, plan.startRoot, 'on the state that was left')
  t.match(await a.status(), { roundsTotal: 200 - before.round, chainId: plan.chainId })
  say('training goes on')

  third.start(['--bootstrap', a.address, '--bootstrap', b.address])
  const outside = (await third.status())?.height ?? 0
  await waits('past a checkpoint', async () => (await a.height()) >= 20)
  const status = await third.status()
  t.match(status, { height, peers: 0 }, `who did not agree is refused, at ${outside}`)

  const place = await mesh.place('newcomer')
  const newcomer = new PeerProcess(place, toHex((await ensureKey(place.folder)).publicKey), [])
  newcomer.join((await a.client.ticket()).ticket)
  await waits('the newcomer answers', async () => (await newcomer.status()) !== undefined)
  await newcomer.firstAccepted(PATIENCE_MS)
  say('a newcomer trains')
  for (const peer of [a, b, newcomer]) t.equal(await peer.stop(), 0)
  for (const peer of [a, newcomer])
    t.strictSame((await verifyFolder(peer.folder)).findings, [], `the folder of ${peer.name} proves itself`)
  say('done')
})
