/**
 * Validator sets that change under way, with real processes and epochs of three rounds. Four peers train; a fifth joins
 * with nothing, earns its bond and votes; one of the four leaves; another is killed, stays away until it is dropped, and
 * its key comes back from a backup, as a trainer; a sixth joins when the set of the genesis is long gone. All hold the
 * same blocks and roots.
 */
import { systemClock, toHex } from '@gradmesh/core'
import { ensureKey, verifyFolder } from '@gradmesh/peer'
import t from 'tap'
import { createMesh, type Mesh, PeerProcess, until, withoutAdapter } from './harness.ts'
import { History } from './history.ts'

const BOND_MIN = 100_000n
const PATIENCE_MS = 120_000

const skip = await withoutAdapter()
t.setTimeout(600_000)

t.test('sets change while a mesh trains', { skip: skip ?? false }, async t => {
  const mesh = await createMesh({
    peers: 4,
    rounds: null,
    roundDeadlineMs: 1000,
    innerSteps: 1,
    seed: 'epochs',
    epochs: { rounds: 3, bondMin: BOND_MIN, unbonding: 1, absentRounds: 6 }
  })
  t.teardown(() => mesh.close())
  const [first, second, third, fourth] = mesh.peers as unknown as [
    PeerProcess,
    PeerProcess,
    PeerProcess,
    PeerProcess
  ]
  for (const peer of mesh.peers) peer.start()
  const start = systemClock.nowMs()
  const stakes = () => first.client.stakes()
  const say = async (what: string): Promise<void> => {
    const { epoch } = await stakes()
    t.comment(`${what}: epoch ${epoch}, ${((systemClock.nowMs() - start) / 1000).toFixed(0)} s`)
  }
  const seatOf = async ({ key }: PeerProcess) => (await stakes()).validators.find(each => each.key === key)
  const accountOf = async ({ key }: PeerProcess) => (await stakes()).trainers.find(each => each.key === key)
  const waits = (what: string, ask: () => Promise<boolean>) => until(what, PATIENCE_MS, ask)
  await waits('the first round is closed', async () => (await first.height()) > 0)

  const fifth = await join(mesh, first, 'peer-4')
  await waits('the fifth is registered', async () => (await accountOf(fifth)) !== undefined)
  await t.rejects(fifth.command('bond', String(BOND_MIN)), { message: /STAKE_BALANCE/ }, 'it has nothing yet')
  await t.rejects(fifth.command('leave'), { message: /STAKE_NO_BOND/ })
  // Before the fourth asks to leave: its stake goes in three epochs, and by then who is away must have lost its seat, or
  // those who are left have not more than two thirds.
  await third.kill()
  const backup = `${third.folder}.backup`
  await third.command('key', 'export', backup)

  const left = await fourth.command('leave')
  t.equal(left.atStake, '0', 'the fourth asks all of its bond back')
  t.equal(left.epoch, Number(left.takenIn) + 2, 'which counts two epochs later')
  await say('the fourth has asked to leave')

  const isRich = async (): Promise<boolean> => BigInt((await accountOf(fifth))?.balance ?? 0) >= BOND_MIN
  await waits('rewards of the fifth are free', isRich)
  const balance = (await accountOf(fifth))!.balance
  const bonded = await fifth.command('bond', balance)
  t.equal(bonded.atStake, balance, 'the fifth puts its rewards at stake')
  await say(`the fifth has bonded ${balance}`)

  await waits('the third has lost its seat', async () => (await seatOf(third)) === undefined)
  t.equal((await stakes()).burnt, '0', 'and nothing of its bond')
  await say('the third was away too long')
  await waits('the fifth has a seat', async () => (await seatOf(fifth)) !== undefined)
  t.ok((await stakes()).epoch >= Number(bonded.epoch), 'not before the epoch that the command named')
  await waits('the fifth signs certificates', async () => {
    const block = await first.client.block({ height: await first.height() })
    return block.certificate?.signers.includes(fifth.key) ?? false
  })
  await say('the fifth votes')
  await waits('the fourth has lost its seat', async () => (await seatOf(fourth)) === undefined)
  await say('the fourth has left')

  const restored = new PeerProcess(await mesh.place('peer-2-restored'), third.key, [
    '--bootstrap',
    first.address
  ])
  await restored.command('key', 'import', backup)
  restored.start()
  await waits('its key may not sign yet', async () => {
    const error = (await restored.status())?.lastError
    return error?.code === 'KEY_RESTORED'
  })
  const accepted = async (): Promise<number> => (await accountOf(third))?.accepted ?? 0
  const before = await accepted()
  await waits('its key may sign again', async () => (await restored.status())?.lastError === null)
  await waits('its deltas are taken again', async () => (await accepted()) > before)
  t.match(await restored.status(), { role: 'trainer', lastError: null }, 'it trains, and votes no more')
  const sixth = await join(mesh, second, 'peer-5')
  await say('the third is back, a sixth is in step')

  const peers = [first, second, restored, fourth, fifth, sixth]
  const history = new History()
  const { blocks } = await sixth.client.blocks({})
  const lowest = Math.min(...blocks.map(({ height }) => height))
  const head = Math.min(...(await Promise.all(peers.map(peer => peer.height()))))
  for (const peer of peers) await history.read(peer.name, peer.client, lowest, head)
  t.strictSame(history.broken, [], `blocks and roots are the same from height ${lowest} to ${head}`)
  t.equal(
    (await sixth.client.blocks({ from: 1 })).blocks.length,
    0,
    'the sixth walked the sets, and started from a checkpoint'
  )

  for (const peer of [sixth, restored]) {
    await peer.adapterOpened(PATIENCE_MS)
    t.equal(await peer.stop(), 0)
  }
  t.strictSame((await verifyFolder(sixth.folder)).findings, [], 'what the sixth holds proves itself')
  t.strictSame((await verifyFolder(restored.folder)).findings, [], 'what the third holds too')
  await say('done')
})

const isInStep = async (peer: PeerProcess, with_: PeerProcess): Promise<boolean> => {
  const height = (await peer.status())?.height ?? 0
  return height > 0 && height + 3 > (await with_.height())
}

const join = async (mesh: Mesh, from: PeerProcess, name: string): Promise<PeerProcess> => {
  const place = await mesh.place(name)
  const key = toHex((await ensureKey(place.folder)).publicKey)
  const peer = new PeerProcess(place, key, [])
  peer.join((await from.client.ticket()).ticket)
  await until(`${name} is in step`, PATIENCE_MS, () => isInStep(peer, from))
  return peer
}
