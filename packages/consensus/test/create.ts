import t from 'tap'
import { createConsensus, fromGenesis, type Restored } from '../src/index.ts'
import { block, certificate, configOf, kinds, Peer, slotLedBy, types, vote } from './fixtures/mesh.ts'

const config = configOf([1, 1, 1, 1])
const slot = slotLedBy(config, leader => leader !== 0, 2)
const made = block(slot, null)
const skips = Array.from({ length: slot - 1 }, (_, i) => certificate('SKIP', i + 1))

t.test('a record missing at or below the high-water slot: no vote of any kind there', async t => {
  const peer = new Peer(config, { ...fromGenesis, highWaterSlot: slot, certificates: skips })
  peer.valid(made)
  for (let now = 0; now < 30_000; now += 500) peer.at(now)
  peer.certificates(certificate('NOTAR', made))
  t.strictSame(kinds(peer.effects.filter(e => e.type === 'vote' && e.vote.slot === slot)), [])
  t.notOk(
    peer.effects.some(e => e.type === 'resend' && e.slot === slot),
    'nothing stored, nothing to resend'
  )
  peer.at(100_000)
  t.strictSame(kinds(peer.effects), [`SKIP ${slot + 1}`], 'above it the peer votes again')
})

t.test('a stored vote is repeated, never contradicted', async t => {
  const restored: Restored = {
    ...fromGenesis,
    facts: [{ slot, notar: made.id, skip: false, final: null }],
    highWaterSlot: slot,
    blocks: [made],
    certificates: skips
  }
  const peer = new Peer(config, restored)
  peer.votes({ ...vote(1, 'NOTAR', made), validator: 0 })
  peer.valid(block(slot, null, { empty: true }))
  t.match(peer.at(1_000), [{ type: 'resend', slot }])
  t.strictSame(peer.voted(), [])
  peer.votes(vote(1, 'NOTAR', made), vote(2, 'NOTAR', made))
  t.strictSame(peer.voted(), [`FINAL ${slot}`], 'with the record there, the slot goes on')
})

t.test('an own vote that no record explains closes the slot to new votes', async t => {
  const peer = new Peer(config, { ...fromGenesis, certificates: skips })
  peer.votes({ ...vote(1, 'NOTAR', block(slot, null, { empty: true })), validator: 0 })
  peer.valid(made)
  t.strictSame(peer.voted(), [])
})

t.test('a peer goes on from its final block and the certificates above it', async t => {
  const child = block(slot + 1, made, { empty: true })
  const state = createConsensus(config, {
    ...fromGenesis,
    finalBlock: made,
    finalCertificate: certificate('FINAL', made),
    blocks: [made, child],
    certificates: [certificate('NOTAR', child), certificate('SKIP', slot + 2), certificate('SKIP', 1)]
  })
  t.equal(state.frontier, slot + 3)
  t.strictSame([...state.blocks.keys()], [child.id])
})

t.test('the first input starts the clocks and asks for sync', async t => {
  const peer = new Peer(config)
  t.equal(peer.state.timers!.deadlineMs, 1_600)
  const restarted = new Peer(config)
  restarted.state = createConsensus(config, fromGenesis)
  t.strictSame(types(restarted.at(77_777.9))[0], 'sync')
  t.equal(restarted.state.timers!.nowMs, 77_777, 'whole milliseconds')
})

t.test('settings that make no sense are refused', async t => {
  const wrong = [
    { self: 4 },
    { resendMs: 0 },
    { roundDeadlineMs: 0.5 },
    { delayMs: { min: 200, max: 100, start: 150 } },
    { delayMs: { min: 1, max: 10, start: 1.5 } },
    { validators: [] }
  ]
  for (const change of wrong) {
    t.throws(() => createConsensus({ ...config, ...change }, fromGenesis), { code: 'CONSENSUS_CONFIG' })
  }
})
