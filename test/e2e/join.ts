/**
 * A fifth peer joins a mesh that is under way, by ticket alone: it starts from a checkpoint whose every part
 * is checked against the root in a final header, registers, and has a delta accepted. Then it leaves, and
 * the mesh goes on. Tickets that are of no use are refused by name.
 */
import { MeshError, silentLogger, systemClock, toHex } from '@gradmesh/core'
import { ensureKey, joinMesh, makeGenesis, settleFolder, verifyFolder } from '@gradmesh/peer'
import { openTask } from '@gradmesh/train'
import { decodeTicket, encodeTicket, type Ticket } from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { createMesh, type Mesh, PeerProcess, until, withoutAdapter } from './harness.ts'
import { History } from './history.ts'

/** Past the second checkpoint, so that there is one to start from. */
const UNDER_WAY = 40
const PROGRESS = 5
const PATIENCE_MS = 120_000

const skip = await withoutAdapter()
t.setTimeout(300_000)

t.test('a fifth peer joins by ticket and leaves', { skip: skip ?? false }, async t => {
  const mesh = await createMesh({
    peers: 4,
    rounds: null,
    roundDeadlineMs: 1500,
    innerSteps: 2,
    seed: 'join'
  })
  t.teardown(() => mesh.close())
  for (const peer of mesh.peers) peer.start()
  const first = mesh.peers[0]!
  await until('the mesh is under way', PATIENCE_MS, async () => (await first.height()) > UNDER_WAY)
  const { ticket } = await first.client.ticket()
  await t.test('useless tickets', t => refuse(t, mesh, ticket))
  await t.test('the fifth peer', t => joinAndLeave(t, mesh, ticket))
})

const joinAndLeave = async (t: Test, mesh: Mesh, ticket: string): Promise<void> => {
  const [first] = mesh.peers as readonly [PeerProcess, ...PeerProcess[]]
  const place = await mesh.place('peer-4')
  const key = toHex((await ensureKey(place.folder)).publicKey)
  const fifth = new PeerProcess(place, key, [])
  const start = systemClock.nowMs()
  const seconds = (): string => ((systemClock.nowMs() - start) / 1000).toFixed(1)
  fifth.join(ticket)
  await until('it has final blocks', PATIENCE_MS, async () => (await fifth.height()) > 0)
  const inStep = seconds()

  const receipt = await fifth.firstAccepted(PATIENCE_MS)
  const accepted = seconds()
  t.equal(receipt.trainer, key)
  t.ok(receipt.weightQ16 > 0 && BigInt(receipt.reward) > 0n, 'its delta has weight and is paid')
  t.comment(`in step after ${inStep} s; its first delta was accepted ${accepted} s after its start`)

  const { trainers } = await first.client.stakes()
  t.match(trainers.at(-1), { key, label: 'peer-4' }, 'the registry of the others has it')
  const blocks = await fifth.client.blocks({ from: 1 }).then(({ blocks }) => blocks.length)
  t.equal(blocks, 0, 'it started from a checkpoint: it does not hold the first block')

  const history = new History()
  const head = await fifth.height()
  await until('the first has the same blocks', PATIENCE_MS, async () => (await first.height()) >= head)
  const held = await fifth.client.blocks({ from: head })
  const lowest = Math.min(...held.blocks.map(({ height }) => height))
  await history.read(first.name, first.client, lowest, head)
  await history.read(fifth.name, fifth.client, lowest, head)
  t.strictSame(history.broken, [], `blocks and roots are the same from height ${lowest} to ${head}`)

  t.equal(await fifth.stop(), 0, 'it leaves with exit code 0')
  const left = await first.height()
  await until(
    'the mesh goes on without it',
    PATIENCE_MS,
    async () => (await first.height()) > left + PROGRESS
  )
  t.strictSame((await verifyFolder(fifth.folder)).findings, [], 'its folder is whole')
}

const refuse = async (t: Test, mesh: Mesh, text: string): Promise<void> => {
  const ticket = decodeTicket(text) as Ticket
  const folder = (await mesh.place('refused')).folder
  const codeOf = (ticket: string, into = folder) =>
    joinMesh({ ticket, folder: into, logger: silentLogger }).then(
      () => 'joined',
      error => (error instanceof MeshError ? error.code : String(error))
    )
  const slip = text.replace(/.$/, last => (last === '2' ? '3' : '2'))
  t.equal(await codeOf(slip), 'TICKET_INVALID', 'a slip of the finger')
  t.equal(await codeOf(text.slice(0, 60)), 'TICKET_INVALID', 'half of it')
  t.equal(await codeOf('hello'), 'TICKET_INVALID', 'something else')
  t.equal(await codeOf(encodeTicket({ ...ticket, expiresAt: 1_700_000_000 })), 'TICKET_EXPIRED')
  t.equal(await codeOf(encodeTicket({ ...ticket, protocol: ticket.protocol + 1 })), 'TICKET_PROTOCOL')
  const other = { ...ticket, chainId: new Uint8Array(32).fill(7) }
  t.equal(await codeOf(encodeTicket(other)), 'JOIN_OTHER_MESH', 'the address is used by another mesh')
  const nobody = { ...ticket, addresses: [`/ip4/127.0.0.1/tcp/${(await mesh.place('nobody')).p2pPort}`] }
  t.equal(await codeOf(encodeTicket(nobody)), 'JOIN_UNREACHABLE')

  const taken = (await mesh.place('taken')).folder
  const keys = await ensureKey(taken)
  const task = openTask({ id: 'digits', options: {} })
  const genesis = makeGenesis({ name: 'other', task, validators: [keys.publicKey], rounds: 1 })
  await settleFolder(taken, genesis, keys)
  t.equal(await codeOf(text, taken), 'GENESIS_OTHER', 'the folder belongs to another mesh')
}
