/** The end of an epoch and the start of the next. */
import t from 'tap'
import { parentSlotOf } from '../src/certificates.ts'
import { createConsensus, fromGenesis } from '../src/create.ts'
import { openDraft } from '../src/draft.ts'
import { leaderOf } from '../src/leader.ts'
import type { BlockRef } from '../src/types.ts'
import { block, certificate, configOf, kinds, Peer, slotLedBy, types, vote } from './fixtures/mesh.ts'

const config = configOf([1, 1, 1, 1])
const quiet = slotLedBy(config, leader => leader !== 0)

/** A peer that entered a slot led by another, on the genesis. */
const peerAt = (slot: number): Peer => {
  const peer = new Peer(config)
  peer.certificates(...Array.from({ length: slot - 1 }, (_, i) => certificate('SKIP', i + 1)))
  peer.effects = []
  return peer
}

t.test('a final boundary ends the epoch', async t => {
  const peer = peerAt(quiet)
  const boundary = block(quiet, null, { boundary: true })
  peer.valid(boundary)
  peer.certificates(certificate('NOTAR', boundary))
  t.notOk(peer.state.ended, 'certified is not final')
  const effects = peer.certificates(certificate('FINAL', boundary))
  t.match(effects.at(-1), { type: 'finalise', blocks: [{ id: boundary.id }] })
  t.ok(peer.state.ended)
  peer.effects = []
  const child = block(quiet + 1, boundary, { empty: true })
  peer.valid(child)
  peer.certificates(certificate('NOTAR', child))
  peer.at(1_000_000)
  t.strictSame(
    types(peer.effects).filter(type => type !== 'certificate'),
    [],
    'no vote, no proposal, no timer'
  )
})

t.test('what a descendant makes final stops at the boundary', async t => {
  const peer = peerAt(quiet)
  const boundary = block(quiet, null, { boundary: true })
  const child = block(quiet + 1, boundary, { empty: true })
  peer.valid(boundary)
  peer.certificates(certificate('NOTAR', boundary))
  peer.valid(child)
  peer.certificates(certificate('NOTAR', child))
  const final = certificate('FINAL', child)
  const effects = peer.certificates(final)
  t.match(effects.at(-1), {
    type: 'finalise',
    blocks: [{ id: boundary.id }],
    certificate: { slot: child.slot }
  })
  const last = effects.at(-1)
  t.equal(last?.type === 'finalise' ? last.blocks.length : 0, 1, 'the descendant is no part of the chain')
  t.equal(peer.state.final.id, boundary.id)
  const late = [vote(1, 'SKIP', quiet + 5), vote(1, 'SKIP', quiet + 5)]
  t.match(
    peer.votes(...late).at(-1),
    { type: 'answer', validator: 1, certificate: final },
    'who goes on is told'
  )
})

t.test('the next epoch starts from the boundary, above a gap in which nothing is voted', async t => {
  const boundary = block(quiet, null, { boundary: true })
  const firstSlot = quiet + 4096
  const next = { ...config, epoch: 1, firstSlot }
  const restored = { ...fromGenesis, finalBlock: boundary, highWaterSlot: quiet + 3 }
  const state = createConsensus(next, restored)
  t.equal(state.frontier, firstSlot)
  t.notOk(state.ended)
  t.equal(parentSlotOf(openDraft(state), firstSlot), quiet)
  t.equal(parentSlotOf(openDraft(state), firstSlot + 1), undefined, 'its first slot is open')
  const peer = new Peer(next, restored)
  peer.feed({ type: 'block', block: block(firstSlot - 1, boundary) })
  peer.votes({ ...vote(1, 'SKIP', firstSlot - 1), epoch: 1 })
  t.strictSame([peer.state.blocks.size, peer.state.slots.size], [0, 0], 'nothing of the gap is kept')
  const slot = firstSlot
  const lead = slotLedBy(next, leader => leader === 0, slot)
  const of = <T extends object>(message: T): T => ({ ...message, epoch: 1 })
  const skips = Array.from({ length: lead - slot }, (_, i) => of(certificate('SKIP', slot + i)))
  const effects = peer.certificates(...skips)
  const all = lead === slot ? peer.at(0) : effects
  if (lead > slot)
    t.match(all.at(-1), {
      type: 'propose',
      slot: lead,
      parentSlot: quiet,
      parentId: boundary.id,
      empty: false
    })
  peer.certificates(certificate('FINAL', boundary))
  t.equal(peer.state.topFinal, null, 'a certificate of the epoch before is not taken for one of this')
  peer.at(1_000_000)
  t.ok(kinds(peer.effects).every(kind => Number(kind.split(' ')[1]) >= firstSlot))
  t.throws(() => createConsensus({ ...next, firstSlot: 1 }, restored), { code: 'INVARIANT' })
})

t.test('an open tail ends where the next epoch may begin', async t => {
  const boundary = block(quiet, null, { boundary: true })
  const end = quiet + 4096
  const lead = leaderOf(config, end)
  const other = [0, 1, 2].find(peer => peer !== lead && peer !== leaderOf(config, end - 1))
  if (other === undefined) return t.fail('of three peers one leads neither slot')
  /** What a peer does that meets these blocks, all else skipped up to the frontier, until its time runs out there. */
  const at = (
    frontier: number,
    tail: { known?: BlockRef[]; certified: BlockRef[] },
    self = other
  ): string[] => {
    const certified = tail.certified.map(of => certificate('NOTAR', of))
    const skips = Array.from({ length: frontier - 1 }, (_, i) => certificate('SKIP', i + 1))
    const peer = new Peer(
      { ...config, self },
      {
        ...fromGenesis,
        blocks: tail.known ?? tail.certified,
        certificates: [
          ...certified,
          ...skips.filter(({ slot }) => !tail.certified.some(b => b.slot === slot))
        ]
      }
    )
    t.equal(peer.state.frontier, frontier)
    peer.at(1_000_000)
    return [...(peer.state.proposedSlot === frontier ? ['propose'] : []), ...peer.voted()]
  }
  const inTail = { certified: [boundary] }
  t.strictSame(at(end - 1, inTail), [`SKIP ${end - 1}`], 'the last slot of the tail')
  t.strictSame(at(end, inTail, lead), [], 'neither a vote nor a proposal beyond it')
  t.strictSame(at(end + 9, inTail), [])
  const middle = { certified: [block(quiet, null)] }
  t.strictSame(at(end, middle), [`SKIP ${end}`], 'in the middle of an epoch slots go on')
  t.strictSame(at(end, middle, lead), ['propose', `SKIP ${end}`])
  t.strictSame(at(end, { known: [], certified: [boundary] }), [], 'what is unknown may be a boundary')
  const child = block(quiet + 2, boundary, { empty: true })
  const hidden = { known: [boundary, child], certified: [child] }
  t.strictSame(at(end, hidden), [], 'a boundary whose own certificate is missing')
})
